#!/bin/sh
# Writes the generated billing data where a new Oracle database looks for its init scripts, once.
set -eu
target=${1:-/export}
script=01_load_pwacis.sh
if [ -e "$target/$script" ]; then
    echo "$target holds the data already; remove the volume oracle-init to make them anew"
    exit 0
fi
# What an interrupted run left is no use; the script goes last, so that it never stands beside half of the data.
rm -rf "$target/making" "$target/pwacis"
python -m dev.standin --export "$target/making"
mv "$target/making/pwacis" "$target/pwacis"
mv "$target/making/$script" "$target/$script"
rmdir "$target/making"
