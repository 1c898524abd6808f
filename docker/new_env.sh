#!/bin/sh
# Writes .env from .env.example with a new random value for every secret that is empty there. Nothing else is changed:
# ORACLE_DSN stays for you to fill in. Needs only a POSIX shell; refuses to touch a .env that exists.
set -eu
cd "$(dirname "$0")/.."
target=${1:-.env}
if [ -e "$target" ]; then
    echo "$target exists; nothing done" >&2
    exit 1
fi
umask 077
# So many random bytes as URL-safe base64: of 32 a Fernet key as it stands, and a password without its padding.
random_key() { head -c "$1" /dev/urandom | base64 | tr -d '\n' | tr '+/' '-_'; }
while IFS= read -r line || [ -n "$line" ]; do
    case $line in
        FERNET_KEY=) line="$line$(random_key 32)" ;;
        *_PASSWORD=) line="$line$(random_key 32 | tr -d '=')" ;;
        # Keys of SHA-512 signatures: 64 characters at least.
        *_SECRET= | *_SECRET_KEY=) line="$line$(random_key 66)" ;;
    esac
    printf '%s\n' "$line"
done < .env.example > "$target"
echo "$target written; now set ORACLE_DSN in it" >&2
