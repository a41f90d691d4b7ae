#!/usr/bin/env bash
# Makes the keys in this folder with GnuPG 2.2 (run it in an empty GNUPGHOME; see ../README.md).
# Dates are faked so that the tests need no clock of their own: everything is made on 2024-01-01.
set -euo pipefail
out=$(cd "$(dirname "$0")" && pwd)
GNUPGHOME=$(mktemp -d /tmp/dkXXXX); export GNUPGHOME
trap 'gpgconf --kill all; rm -rf "$GNUPGHOME"' EXIT
g() { gpg --batch --yes --quiet --no-tty --pinentry-mode loopback --passphrase '' --faked-system-time "${at:-20240101T000000}!" "$@"; }
fpr() { gpg --batch --with-colons --list-keys "$1" | awk -F: '/^fpr/{print $10; exit}'; }
save() { g --armor --export "$1" > "$out/$1.public.asc"; }
save_secret() { g --armor --export-secret-keys "$1" > "$out/$1.secret.asc"; }
new() { # name, primary algorithm, subkey algorithm or '-', expiry
  g --quick-generate-key "$1" "$2" sign "${4:-never}"
  [ "$3" = - ] || g --quick-add-key "$(fpr "$1")" "$3" encr "${4:-never}"
}
revoke() { # name, reason code; more options for gpg
  local name=$1 reason=$2; shift 2
  at=20240601T000000
  printf 'y\n%s\n\ny\n' "$reason" | gpg --yes --quiet --no-tty --pinentry-mode loopback --passphrase '' --faked-system-time "$at!" \
    --command-fd 0 "$@" --armor --gen-revoke "$name" > "$GNUPGHOME/revocation" 2>/dev/null
  g --import "$GNUPGHOME/revocation"
  unset at
}

for kind in curve25519:ed25519:cv25519 nistp256:nistp256:nistp256 rsa3072:rsa3072:rsa3072 rsa2048:rsa2048:rsa2048; do
  IFS=: read -r name primary sub <<< "$kind"; new "$name" "$primary" "$sub"; save "$name"; save_secret "$name"
done
new rsa1024 rsa1024 rsa1024; save rsa1024
new dsa dsa2048 elg2048; save dsa
new sign-only ed25519 -; save sign-only; save_secret sign-only
new expired ed25519 cv25519 2024-03-01; save expired; save_secret expired
for reason in 0:unexplained 1:compromised 2:superseded 3:retired; do
  name=${reason#*:}; new "$name" ed25519 cv25519; save_secret "$name"
  g --armor --export "$name" > "$out/$name.before.public.asc"
  revoke "$name" "${reason%%:*}"; save "$name"
done
new revoked-sha1 ed25519 cv25519; revoke revoked-sha1 1 --digest-algo SHA1 --cert-digest-algo SHA1; save revoked-sha1
g --cert-digest-algo SHA1 --quick-generate-key sha1-self ed25519 sign never
g --cert-digest-algo SHA1 --quick-add-key "$(fpr sha1-self)" cv25519 encr never; save sha1-self
g --quick-generate-key sha1-binding ed25519 sign never
g --cert-digest-algo SHA1 --quick-add-key "$(fpr sha1-binding)" cv25519 encr never; save sha1-binding
new subkey-expired ed25519 -; g --quick-add-key "$(fpr subkey-expired)" cv25519 encr 2024-03-01; save subkey-expired
new subkey-revoked-sha1 ed25519 cv25519
printf 'key 1\nrevkey\ny\n1\n\ny\nsave\n' | gpg --yes --quiet --no-tty --pinentry-mode loopback --passphrase '' --faked-system-time '20240601T000000!' \
  --cert-digest-algo SHA1 --digest-algo SHA1 --command-fd 0 --edit-key subkey-revoked-sha1 2>/dev/null
save subkey-revoked-sha1
new signing-subkey ed25519 cv25519; g --quick-add-key "$(fpr signing-subkey)" ed25519 sign never; save signing-subkey; save_secret signing-subkey
new uid-revoked ed25519 cv25519; g --quick-add-uid uid-revoked 'second user id'; at=20240601T000000 g --quick-revoke-uid "$(fpr uid-revoked)" uid-revoked; save uid-revoked
new designated ed25519 cv25519
printf 'addrevoker\n%s\ny\nsave\n' "$(fpr curve25519)" | gpg --yes --quiet --no-tty --pinentry-mode loopback --passphrase '' --faked-system-time '20240102T000000!' --command-fd 0 --edit-key designated 2>/dev/null
save designated
new designated-revoked ed25519 cv25519
printf 'addrevoker\n%s\ny\nsave\n' "$(fpr curve25519)" | gpg --yes --quiet --no-tty --pinentry-mode loopback --passphrase '' --faked-system-time '20240102T000000!' --command-fd 0 --edit-key designated-revoked 2>/dev/null
printf 'y\n1\n\ny\n' | gpg --yes --quiet --no-tty --pinentry-mode loopback --passphrase '' --faked-system-time '20240601T000000!' --command-fd 0 --armor --desig-revoke designated-revoked > "$GNUPGHOME/revocation" 2>/dev/null
g --import "$GNUPGHOME/revocation"; save designated-revoked
new revoked-sha1-rsa rsa2048 rsa2048; revoke revoked-sha1-rsa 0 --digest-algo SHA1 --cert-digest-algo SHA1; save revoked-sha1-rsa
g --passphrase 'correct horse' --quick-generate-key locked ed25519 sign never
g --passphrase 'correct horse' --quick-add-key "$(fpr locked)" cv25519 encr never
g --passphrase 'correct horse' --armor --export-secret-keys locked > "$out/locked.secret.asc"
g --passphrase 'correct horse' --armor --export-secret-subkeys locked > "$out/locked-subkeys.secret.asc"
g --armor --export curve25519 rsa2048 > "$out/two-keys.public.asc"
