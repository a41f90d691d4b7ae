#!/bin/sh
# Opens the last night of a chain of incremental deposits (depot's docs/format.md, section 12) without depot:
#   sh restore.sh FINGERPRINT FOLDER/ID.tar.zst.pgp OUT
# FINGERPRINT is that of the supplier's key, compared by telephone; - if there is no receipt. FOLDER holds every suitcase of the chain, and the
# receipt of the last one. Needs gpg with your key, GNU or BSD tar, zstd or gzip, and the small programs of GNU coreutils or busybox.
export LC_ALL=C && umask 077 && set -u
die() { printf 'STOP: %s\n' "$*" >&2; exit 1; }
[ $# = 3 ] || die 'type: sh restore.sh FINGERPRINT FOLDER/ID.tar.zst.pgp OUT'
case $2 in /*) newest=$2 ;; *) newest=$PWD/$2 ;; esac; case $3 in /*) out=${3%/} ;; *) out=$PWD/${3%/} ;; esac
[ ! -e "$out" ] && [ ! -L "$out" ] || die "$out exists"; W=$out.partial; export TMPDIR="$W"
mkdir "$W" || die "cannot make $W"; mkdir "$W/made"; trap 'rm -rf "$W" || echo "remove $W: it holds parts of the data" >&2' EXIT; trap 'exit 1' HUP INT TERM
echo 12345 > "$W/dd"; [ "$(dd if="$W/dd" iflag=skip_bytes,count_bytes skip=1 count=3 bs=2 status=none)" = 234 ] || die 'this dd knows no iflag: install GNU coreutils'
case $(tar --version) in *GNU\ tar*) ;; *bsdtar*) ;; *) die 'this tar does not read long names: install GNU tar' ;; esac
digest() { sum=$(sha256sum < "$1") && sum=${sum%% *}; }
plain() { case $(od -A n -t x1 -N 4 "$1") in *28*b5*2f*fd*) zstd -qdc < "$1" ;; *1f*8b*) gzip -dc < "$1" ;; *) cat "$1" ;; esac; }
open() { gpg -q --batch --yes -o "$2" -d "$1" || die "gpg did not open $1, so nothing in it was used"; }
number() { for i; do case $i in '' | *[!0-9]* | 0?* | ????????????????*) die "a bad number in night $n" ;; esac; done; }
text() { p=$1; case $p in *\\*) p=$(printf '%bx' "$p"); [ "$p" != "${p%x}" ] || die "a bad name: $1"; p=${p%x} ;; esac; }
name() { case $1 in *[!A-Za-z0-9._/+,:=@%~#\\-]*) die 'a name is not escaped' ;; esac; text "$1"; case /$p/ in *//* | */./* | */../*) die "a bad name: $1" ;; /data/?*) ;; *) [ "$p" = DEPOT/pieces ] || die "a bad name: $1" ;; esac; }
# Whether every directory on the way from $1 to $p is one, and no link.
inside() { d=$1 q=$p; while case $q in */*) ;; *) false ;; esac; do d=$d/${q%%/*} q=${q#*/}; [ -d "$d" ] && [ ! -L "$d" ] || return 1; done; }
file() { inside "$1" && [ -f "$1/$p" ] && [ ! -L "$1/$p" ] || die "night ${1##*/} has no file $p"; }
stamp() { touch $1 -d "@$3" "$2" 2> /dev/null || touch $1 -d "@${3%%.*}" "$2" || die "cannot set the time of $2"; }
night() { # Unpacks $W/opened as night $1, into a directory of its own, and joins parts.
  mkdir "$W/$1" && (umask 0; { plain "$W/opened" || echo > "$W/bad"; } | tar -xpof - -C "$W/$1") && [ ! -e "$W/bad" ] || die "night $1 does not unpack"
  for e in "$W/$1"/* "$W/$1"/.[!.]* "$W/$1"/..?*; do case ${e##*/} in DEPOT | data) [ -d "$e" ] && [ ! -L "$e" ] ;; *) [ ! -e "$e" ] && [ ! -L "$e" ] ;; esac || die "night $1 holds something beside DEPOT and data"; done
  for e in "$W/$1"/data/*.part-000001 "$W/$1"/data/.*.part-000001 "$W/$1"/DEPOT/*.part-000001; do
    p=${e#"$W/$1"/} b=${e%.part-000001}; [ -e "$e" ] || continue; file "$W/$1"; touch -r "$e" "$W/time"; [ ! -e "$b" ] && [ ! -L "$b" ] || die "night $1 has parts beside their whole"
    for e in "$b".part-??????; do p=${e#"$W/$1"/}; file "$W/$1"; [ "$e" = "$b.part-000001" ] || { cat "$e" >> "$b.part-000001" && rm "$e"; } || die 'cannot join parts'; done
    mv "$b.part-000001" "$b" && touch -r "$W/time" "$b" || die 'cannot join parts'
  done; rm "$W/opened"; [ "$1" = 0 ] || chmod -R u+rwX "$W/$1"
}
chain() { # Checks a chain.json and lists its suitcases: ID BYTES SHA256.
  tr '{}' '\n\n' < "$1" | while IFS='",:' read -r a k1 b c id d e k2 f bytes g k3 h i sha j; do
    case $a,$k1,$k2,$k3 in ,depositId,bytes,sha256) case $id$bytes$sha in *[!A-Za-z0-9_-]*) ;; *) echo "$id $bytes $sha" ;; esac ;; esac; done > "$1.list"
  json=$(cat "$1"); case $json in '{"schema":"depot.chain/1","number":'$(($(wc -l < "$1.list")))',"sources":['*'],"deposits":['*']}') ;; *) die 'a chain.json is not one' ;; esac; json=${json#*sources}; json=${json%%'"deposits":'*}
}
if [ "$1" != - ]; then case $1 in *[!0-9A-F]* | '') die 'a FINGERPRINT has 40 or 64 digits, without spaces' ;; esac
  r=${newest%.tar*}.receipt.json; digest "$newest"; gpg --status-fd 1 --verify "$r.asc" "$r" > "$W/status" || die "no good signature of $r"
  ok=; while read -r a what rest; do case "$what $rest" in "VALIDSIG "*" $1") ok=1 ;; esac; done < "$W/status"; [ "$ok" ] || die "$r is not signed by $1"
  ok=; while read -r a; do [ "$a" != "\"sha256\": \"$sum\"" ] || ok=1; done < "$r"; [ "$ok" ] || die "$newest is not the file of $r"
fi
# The last suitcase says which ones it builds on. All must be here before anything is unpacked.
open "$newest" "$W/newest"; plain "$W/newest" | tar -xOf - DEPOT/chain.json 2> /dev/null | head -c 1048577 > "$W/chain"; N=0 missing= sources=; : > "$W/chain.list"
[ ! -s "$W/chain" ] || { chain "$W/chain"; sources=$json N=$(($(wc -l < "$W/chain.list"))); }
while read -r id bytes sha <&3; do
  f=; for e in "${newest%/*}/$id".tar*.pgp "${newest%/*}"/*.pgp; do [ "$(stat -L -c %s "$e" 2> /dev/null)" = "$bytes" ] && digest "$e" && [ "$sum" = "$sha" ] && f=$e && break; done
  [ "$f" ] && printf '%s\n' "$f" >> "$W/files" || { missing=1; printf 'missing, or not the same: suitcase %s, %s bytes, SHA-256 %s\n' "$id" "$bytes" "$sha" >&2; }
done 3< "$W/chain.list"; [ ! "$missing" ] || die 'ask the agent for these suitcases; nothing was unpacked'
n=0; [ $N = 0 ] || while read -r f <&3; do open "$f" "$W/opened"; night $n; n=$((n + 1)); done 3< "$W/files"
mv "$W/newest" "$W/opened"; night $N; for e in chain.json pieces ranges; do [ ! -e "$W/0/DEPOT/$e" ] && [ ! -L "$W/0/DEPOT/$e" ] || die 'this is no full deposit'; done
n=1; while [ $n -le $N ]; do # The lines of all nights, with the night in front; the last of each path counts.
  p=DEPOT/chain.json; file "$W/$n"; chain "$W/$n/$p"; [ "$json" = "$sources" ] && [ "$(head -n $n "$W/chain.list")" = "$(cat "$W/$n/$p.list")" ] && [ $(($(wc -l < "$W/$n/$p.list"))) = $n ] || die "night $n belongs to another chain"
  p=DEPOT/manifest.ndjson; file "$W/$n"; case $(head -n 1 "$W/$n/$p") in '{"manifest":"depot.manifest/2",'*) ;; *) die "night $n has another format" ;; esac
  yes $n | head -n $(($(wc -l < "$W/$n/$p"))) | paste -d ' ' - "$W/$n/$p"; n=$((n + 1)); done > "$W/lines" || exit 1
{ sort -s -t ' ' -k 2,2 "$W/lines" && echo '- -'; } | { was= keep=; while read -r n path rest; do case $path in '{'* | DEPOT/*) continue ;; esac
  [ "$path" = "$was" ] || [ ! "$was" ] || printf '%s\n' "$keep"; was=$path keep="$n $path $rest"; done; } > "$W/final"
k=0; while read -r n path type mode time size sha a b c; do # Make whatever has new contents, while the nights are untouched.
  name "$path"; f=$W/0/$p; [ ! -d "$f" ] || [ -L "$f" ] || ! inside "$W/0" || chmod u+rwx "$f"; case $type in - | [dhl]) continue ;; [for]) k=$((k + 1)) ;; *) die "a bad line: $path" ;; esac
  number "$size"; case ${#sha}$sha in *[!0-9a-f]*) die "a bad SHA-256: $path" ;; 64*) echo "$sha  $k" >> "$W/sums" ;; *) die "a bad SHA-256: $path" ;; esac
  case $type in f) from=$W/$n; file "$from" ;; o) number "$a"; [ "$a" -le "$n" ] || die "a bad line: $path"; from=$W/$a; name "$b"; file "$from" ;; r) number "$a"; echo "$a $k $size" >> "$W/ranges.$n"; continue ;; esac
  cp "$from/$p" "$W/made/$k" || die "cannot copy $path"; done < "$W/final"
n=0; while [ $((n += 1)) -le $N ]; do [ -s "$W/ranges.$n" ] || continue
  p=DEPOT/ranges; file "$W/$n"; sort -n "$W/ranges.$n" > "$W/wanted"; exec 3< "$W/wanted"; next= on=; read -r next k size <&3
  while read -r a b c d; do case $a in
    '>') on=; [ "$b" = "$next" ] || continue; on=1 left=$size; exec 4> "$W/made/$k"; read -r next k size <&3 || next= ;;
    @) [ "$on" ] || continue; number "$b" "$c"; [ "$c" -le "$n" ] || die "bad ranges in night $n"; name "$d"; file "$W/$c"; eval "f$b=\$W/$c/\$p e$b=0 s$b=$(($(stat -c %s "$W/$c/$p")))" ;;
    *) [ "$on" ] || continue; number "$a" "${b#-}" "$c"; eval "f=\${f$a-} e=\$((\${e$a-0} + $b)) s=\${s$a-0}"
      [ "$c" -gt 0 ] && [ $e -ge 0 ] && [ $((e + c)) -le $s ] && [ $((left -= c)) -ge 0 ] || die "bad ranges in night $n"
      dd if="$f" iflag=skip_bytes,count_bytes skip=$e count=$c bs=65536 status=none >&4 || die 'cannot copy a range'; eval "e$a=$((e + c))" ;;
  esac; done < "$W/$n/DEPOT/ranges"; exec 3<&- 4>&-; done
[ ! -s "$W/sums" ] || (cd "$W/made" && sha256sum -c ../sums > ../checked) || die 'a file did not come out as it was deposited'
# Only now the full deposit becomes the night: what is gone goes, contents below before the directories above them.
sort -r -t ' ' -k 2,2 "$W/final" > "$W/reverse"; while read -r n path type rest; do name "$path"; f=$W/0/$p; inside "$W/0" || continue
  if [ -d "$f" ] && [ ! -L "$f" ]; then [ $type = d ] || rmdir "$f" || die "not empty: $path"; elif [ -L "$f" ]; then rm "$f"
  elif [ -e "$f" ]; then case $type in [for]) ;; *) rm -f "$f" ;; esac; fi || die "cannot remove $path"; done < "$W/reverse"
k=0; while read -r n path type mode time rest; do name "$path"; f=$W/0/$p; case $type in d | [for]) inside "$W/0" || die "no directory for $path" ;; esac
  case $type in d) [ -d "$f" ] || mkdir "$f" || die "cannot make $path" ;;
    [for]) k=$((k + 1)); if [ -e "$f" ] && [ "$(stat -c %h "$f")" != 1 ]; then chmod u+w "$f" && cat "$W/made/$k" > "$f"; else mv -f "$W/made/$k" "$f"; fi && chmod "$mode" "$f" || die "cannot make $path"; stamp -m "$f" "$time" ;;
  esac; done < "$W/final"
while read -r n path type mode time to rest; do case $type in [hl]) ;; *) continue ;; esac
  if [ $type = h ]; then name "$to"; file "$W/0"; else text "$to"; fi; to=$p; name "$path"; inside "$W/0" || die "no directory for $path"
  if [ $type = h ]; then ln "$W/0/$to" "$W/0/$p"; else ln -s -- "$to" "$W/0/$p" && stamp -hm "$W/0/$p" "$time"; fi || die "cannot make $path"; done < "$W/final"
while read -r n path type mode time rest; do [ $type = d ] || continue; name "$path"; f=$W/0/$p; inside "$W/0" && [ -d "$f" ] && [ ! -L "$f" ] || die "no directory: $path"
  stamp -m "$f" "$time"; chmod "$mode" "$f" || die "cannot set the mode of $path"; done < "$W/reverse"
mkdir -p "$W/out" "$W/0/data"; mv "$W/0/data" "$W/out/data"; p=DEPOT/specification.md; if inside "$W/$N" && [ -f "$W/$N/$p" ] && [ ! -L "$W/$N/$p" ]; then cp "$W/$N/$p" "$W/out"; fi
[ ! -e "$out" ] && [ ! -L "$out" ] && mv "$W/out" "$out" && echo "$out holds the whole night" || die "cannot make $out"
