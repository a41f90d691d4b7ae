#!/bin/sh
# Opens the last night of a chain of incremental deposits without depot (section 12 of depot's docs/format.md):
#   sh restore.sh FINGERPRINT FOLDER/ID.tar.zst.pgp OUT
# FINGERPRINT is that of the supplier's key, compared by telephone; - where there is no receipt. FOLDER holds all suitcases of the chain, and the
# receipt and signature of the last one. Needs gpg with your key, GNU or BSD tar, zstd or gzip, and what GNU coreutils and findutils have in common with busybox.
set -eu; umask 077; export LC_ALL=C TAR_OPTIONS='--warning=no-unknown-keyword --warning=no-timestamp'
die() { printf 'STOP: %s\n' "$*" | tr -c ' -~\n' '?' >&2; exit 1; }
free() { [ ! -e "$1" ] && [ ! -L "$1" ] || die "unexpected file: $1"; }
[ $# = 3 ] || die 'type: sh restore.sh FINGERPRINT FOLDER/ID.tar.zst.pgp OUT'
case $2 in /*) newest=$2 ;; *) newest=$PWD/$2 ;; esac; case $3 in /*) out=${3%/} ;; *) out=$PWD/${3%/} ;; esac; W=$out.partial
[ -f "$newest" ] && [ -r "$newest" ] || die "cannot read $newest: is this the name of the last night's suitcase?"
[ ! -e "$out" ] && [ ! -L "$out" ] || die "$out exists already: choose another name"; [ ! -e "$W" ] || die "an earlier run left $W: remove it"
mkdir "$W" || die "cannot create $W: choose a folder that exists and that you may write to"
trap 's=$?; rm -rf "$W" || echo "remove $W yourself: it holds plaintext" >&2; if [ $s = 0 ]; then trap "" PIPE; echo "$out holds the whole night" || :; else die "nothing was restored; the lines above say why"; fi' EXIT
trap 'die "interrupted"' HUP INT PIPE TERM; nl=$(printf '\nx'); nl=${nl%x}; case $newest in *"$nl"*) die 'a name with a line break: rename the folder' ;; esac; mkdir "$W/made"; export TMPDIR="$W"
echo 12345 > "$W/dd"; [ "$(dd if="$W/dd" iflag=skip_bytes,count_bytes skip=1 count=3 bs=2 status=none)" = 234 ] || die 'this dd has no iflag: install GNU coreutils'
case $(tar --version) in *GNU\ tar* | *bsdtar*) ;; *) die 'this tar cannot read long names: install GNU tar' ;; esac
digest() { sum=$(sha256sum < "$1") && sum=${sum%% *}; }
plain() { case $(od -A n -t x1 -N 4 "$1") in *28*b5*2f*fd*) zstd -qdc < "$1" ;; *1f*8b*) gzip -dc < "$1" ;; *) cat "$1" ;; esac; }
open() { gpg -q --batch --yes -o "$2" -d "$1" || die "gpg did not open $1: import your private key, or if that is done, ask the agent to send the file again"; }
number() { for i; do case $i in '' | *[!0-9]* | 0?* | ????????????????*) die "a bad number in night $n" ;; esac; done; }
text() { said=$1 p=$1; case $p in *\\*) p=$(printf '%bx' "$p"); [ "$p" != "${p%x}" ] || die "a bad name: $1"; p=${p%x} ;; esac; }
name() { case $1 in *[!A-Za-z0-9._/+,:=@%~#\\-]*) die "a name in night $n is not escaped" ;; esac; text "$1"
  case /$p/ in *//* | */./* | */../*) die "a bad name: $1" ;; /data/?* | /DEPOT/pieces/) ;; *) die "a bad name: $1" ;; esac; }
inside() { d=$1 q=$p; while case $q in */*) ;; *) false ;; esac; do d=$d/${q%%/*} q=${q#*/}; [ -d "$d" ] && [ ! -L "$d" ] || return 1; done; } # No links on the way
file() { inside "$1" && [ -f "$1/$p" ] && [ ! -L "$1/$p" ] || die "night ${1##*/} has no file $said"; }
stamp() { touch "$1" -d "@$2" "$3" 2> /dev/null || touch "$1" -d "@${2%%.*}" "$3"; } # Busybox takes whole seconds only.
night() { # Unpacks $W/opened as night $1 into a directory of its own, and joins what lies there in parts.
  mkdir "$W/$1"; (umask 0; { plain "$W/opened" || echo > "$W/bad"; } | { tar -xpof - -C "$W/$1" && cat > /dev/null; }) && [ ! -e "$W/bad" ] || die "night $1 does not unpack: is there room on the disk?"
  for e in "$W/$1"/* "$W/$1"/.[!.]* "$W/$1"/..?*; do case ${e##*/} in DEPOT | data) [ -d "$e" ] && [ ! -L "$e" ] ;; *) free "$e" ;; esac || die "night $1 is no archive of depot's"; done
  for f in "$W/$1"/data/*.part-000001 "$W/$1"/data/.*.part-000001 "$W/$1"/DEPOT/*.part-000001; do [ -e "$f" ] || [ -L "$f" ] || continue
    touch -r "$f" "$W/time"; b=${f%.part-000001}; free "$b"
    for e in "$b".part-??????; do p=${e#"$W/$1/"} said=part; file "$W/$1"; [ "$e" = "$f" ] || { cat "$e" >> "$f" && rm "$e"; } || die 'cannot join parts'; done
    mv "$f" "$b"; touch -r "$W/time" "$b"; done; rm "$W/opened"; if [ "$1" = 0 ]; then find "$W/0" -type d ! -perm -500 -exec chmod u+rx {} \;; else chmod -R u+rwX "$W/$1"; fi; }
chain() { # Lists what a chain.json names, as lines ID BYTES SHA256, and sets what it says of sources.
  tr '{}' '\n\n' < "$1" | while IFS='",:' read -r a k1 b c id d e k2 f bytes g k3 h i sha j; do case $a,$k1,$k2,$k3,$id$bytes$sha in
    ,depositId,bytes,sha256,*[!A-Za-z0-9_-]*) ;; ,depositId,bytes,sha256,*) echo "$id $bytes $sha" ;; esac; done > "$1.list"
  json=$(cat "$1") count=$(($(wc -l < "$1.list"))); case $json in '{"schema":"depot.chain/1","number":'$count',"sources":['*'],"deposits":['*']}') ;; *) die 'a chain.json is damaged, or of another version' ;; esac
  json=${json#*sources} sources=${json%%'"deposits":'*}; }
if [ "$1" != - ]; then case $1 in *[!0-9A-F]* | '') die 'a FINGERPRINT has 40 or 64 digits, 0-9 and A-F, without spaces' ;; esac; r=${newest%.tar*}.receipt.json; digest "$newest"
  gpg --status-fd 1 --verify "$r.asc" "$r" > "$W/status" || die "no good signature of $r: put it and its .asc there, and import the supplier's key"
  ok=; while read -r a what rest; do case "$what $rest" in "VALIDSIG "*" $1") ok=1 ;; esac; done < "$W/status"; [ "$ok" ] || die "$r is signed, but not by $1: compare the fingerprint by telephone"
  p=${r##*/} ok= its=; while read -r a; do case $a in "\"sha256\": \"$sum\"") ok=1 ;; "\"depositId\": \"${p%.receipt.json}\",") its=1 ;; esac; done < "$r"
  [ "$ok" ] || die "$newest is not the file of $r: ask the agent for both again"; [ "$its" ] || die "$r is the receipt of another deposit: give both files the name that it says"; fi
# The last suitcase says which ones it builds on. All must be here before anything is unpacked.
open "$newest" "$W/newest"; plain "$W/newest" | tar -xOf - DEPOT/chain.json 2> /dev/null | head -c 1048577 > "$W/chain"; : > "$W/chain.list"
N=0 sources=; [ ! -s "$W/chain" ] || { chain "$W/chain"; N=$count; }; all=$sources missing=
while read -r id bytes sha <&3; do f=
  for e in "${newest%/*}/$id".tar*.pgp "${newest%/*}"/*.pgp; do case $e in *"$nl"*) continue ;; esac; [ "$(stat -L -c %s "$e" 2> /dev/null)" = "$bytes" ] && digest "$e" && [ "$sum" = "$sha" ] && f=$e && break; done
  [ "$f" ] && printf '%s\n' "$f" >> "$W/files" || { missing=1; printf 'missing or damaged: suitcase %s, %s bytes, SHA-256 %s\n' "$id" "$bytes" "$sha" >&2; }
done 3< "$W/chain.list"; [ ! "$missing" ] || die 'ask the agent for these suitcases; nothing was unpacked'
n=0; [ $N = 0 ] || while read -r f <&3; do open "$f" "$W/opened"; night $n; n=$((n + 1)); done 3< "$W/files"; mv "$W/newest" "$W/opened"; night $N
for e in chain.json pieces ranges; do free "$W/0/DEPOT/$e"; done
n=0; while [ $((n += 1)) -le $N ]; do p=DEPOT/chain.json said=$p j=$W/$n/$p; file "$W/$n"; chain "$j"
  [ "$sources" = "$all" ] && [ $count = $n ] && [ "$(head -n $n "$W/chain.list")" = "$(cat "$j.list")" ] || die "night $n belongs to another chain"
  p=DEPOT/manifest.ndjson said=$p j=$W/$n/$p; file "$W/$n"; case $(head -n 1 "$j") in '{"manifest":"depot.manifest/2",'*) ;; *) die "night $n has a format that this script does not know" ;; esac
  yes $n | head -n $(($(wc -l < "$j"))) | paste -d ' ' - "$j"; done > "$W/lines" # Of the lines of all nights, the last of each path counts.
sort -s -t ' ' -k 2,2 "$W/lines" > "$W/sorted"; echo '- -' >> "$W/sorted"; was=; while read -r n path rest; do case $path in '{'* | DEPOT/*) continue ;; esac
  [ "$path" = "$was" ] || [ ! "$was" ] || printf '%s\n' "$keep"; was=$path keep="$n $path $rest"; done < "$W/sorted" > "$W/final"
total=0; while read -r n path type mode time size rest; do case $type,$mode in -, | [dhlfor],[0-7][0-7][0-7][0-7]) ;; *) die "a bad line: $path" ;; esac; name "$path"
  case $type in [for]) number "$size"; total=$((total + (size / 4096 + 1) * 4096)); [ $total -lt 1000000000000000 ] || die 'the files would be too large' ;; esac; done < "$W/final"
df -P -k "$W" | { read -r a; read -r a b c free d; case $free in *[!0-9]*) ;; *) [ $((total / 1024)) -lt "$free" ] || die "$total bytes more do not fit on this disk: choose another one for OUT" ;; esac; }
k=0; while read -r n path type mode time size sha a b c; do # New contents are made first, while the nights are as they were.
  name "$path"; f=$W/0/$p from=$W/$n; if [ -d "$f" ] && [ ! -L "$f" ] && inside "$W/0"; then chmod u+rwx "$f"; fi; case $type in [for]) k=$((k + 1)) ;; *) continue ;; esac
  case ${#sha}$sha in *[!0-9a-f]*) die "a bad SHA-256: $path" ;; 64*) echo "$sha  $k" >> "$W/sums" ;; *) die "a bad SHA-256: $path" ;; esac
  case $type in o) number "$a"; [ "$a" -le "$n" ] || die "a bad line: $path"; from=$W/$a; name "$b" ;; r) number "$a"; echo "$a $k $size" >> "$W/ranges.$n"; continue ;; esac
  file "$from"; cp "$from/$p" "$W/made/$k"; done < "$W/final"
n=0; while [ $((n += 1)) -le $N ]; do [ -s "$W/ranges.$n" ] || continue; p=DEPOT/ranges said=$p; file "$W/$n"
  sort -n "$W/ranges.$n" > "$W/wanted"; exec 3< "$W/wanted"; on=; read -r next k size <&3
  while read -r a b c d; do case $a in
    '>') on=; [ "$b" = "$next" ] || continue; on=1 left=$size; exec 4> "$W/made/$k"; read -r next k size <&3 || next= ;;
    @) [ "$on" ] || continue; number "$b" "$c"; [ "$c" -le "$n" ] || die "bad ranges in night $n"; name "$d"; file "$W/$c"; eval "f$b=\$W/$c/\$p e$b=0 s$b=$(stat -c %s "$W/$c/$p")" ;;
    *) [ "$on" ] || continue; number "$a" "${b#-}" "$c"; eval "f=\${f$a-} e=\$((\${e$a-0} + $b)) s=\${s$a-0}"
      [ "$c" -gt 0 ] && [ $e -ge 0 ] && [ $((e + c)) -le $s ] && [ $((left -= c)) -ge 0 ] || die "bad ranges in night $n"
      dd if="$f" iflag=skip_bytes,count_bytes skip=$e count=$c bs=65536 status=none >&4; eval "e$a=$((e + c))" ;; esac; done < "$W/$n/DEPOT/ranges"; done
[ ! -s "$W/sums" ] || (cd "$W/made" && sha256sum -c ../sums > ../checked) || die 'a file did not come out as it was deposited'
sort -r -t ' ' -k 2,2 "$W/final" > "$W/reverse"; while read -r n path type rest; do name "$path"; f=$W/0/$p; inside "$W/0" || continue # Gone, children first
  if [ -L "$f" ]; then rm -f "$f"; elif [ -d "$f" ]; then [ $type = d ] || rmdir "$f" || die "not empty: $path"; elif [ -e "$f" ]; then case $type in [for]) ;; *) rm -f "$f" ;; esac; fi; done < "$W/reverse"
k=0; while read -r n path type mode time rest; do name "$path"; f=$W/0/$p; case $type in d | [for]) inside "$W/0" || die "no directory for $path" ;; esac
  case $type in d) [ -d "$f" ] || mkdir "$f" ;; [for]) k=$((k + 1)); [ ! -d "$f" ] || die "named twice: $path"; mv -f "$W/made/$k" "$f"; chmod "$mode" "$f"; stamp -m "$time" "$f" ;; esac; done < "$W/final"
while read -r n path type mode time to rest; do case $type in h) name "$to"; file "$W/0" ;; l) text "$to" ;; *) continue ;; esac; to=$p; name "$path"; f=$W/0/$p
  inside "$W/0" || die "no directory for $path"; free "$f"; if [ $type = h ]; then ln "$W/0/$to" "$f"; else ln -s -- "$to" "$f"; stamp -hm "$time" "$f"; fi; done < "$W/final"
while read -r n path type mode time rest; do [ $type = d ] || continue; name "$path"; f=$W/0/$p; stamp -m "$time" "$f"; chmod "$mode" "$f"; chmod u+rx "$f"; done < "$W/reverse"
mkdir -p "$W/out/DEPOT" "$W/0/data"; mv "$W/0/data" "$W/out/data"; f=$W/$N/DEPOT/specification.md; { [ -f "$f" ] && [ ! -L "$f" ] && mv "$f" "$W/out/DEPOT"; } || rmdir "$W/out/DEPOT"; free "$out"; mv "$W/out" "$out"
