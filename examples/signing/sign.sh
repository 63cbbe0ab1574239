#!/bin/sh
# The signature in a shell (docs/protocol.md, section 2): printf, basenc, od and openssl. `sign.sh < lines` checks it: one
# vector in a line, as timestamp, client id, secret, message and signature, with a tab between two of them.
#
# For trying things out by hand. The HMAC of openssl takes the key on its command line, where everybody on the machine can
# read it. So here is HMAC itself (RFC 2104): `printf` is a part of the shell, and no process.
set -eu

# hmac KEY: of what is read, as hex.
hmac() {
    secret=$1
    # The bytes, as numbers.
    # shellcheck disable=SC2046
    set -- $(printf '%s' "$secret" | od -An -v -tu1)
    # A longer key is hashed first.
    # shellcheck disable=SC2046
    [ "$#" -le 64 ] || set -- $(printf '%s' "$secret" | openssl dgst -sha256 -binary | od -An -v -tu1)
    inner='' outer='' n=0
    while [ "$n" -lt 64 ]; do
        a=$((${1:-0} ^ 54)) b=$((${1:-0} ^ 92)) n=$((n + 1))
        inner="$inner\\$((a / 64))$((a / 8 % 8))$((a % 8))"
        outer="$outer\\$((b / 64))$((b / 8 % 8))$((b % 8))"
        [ "$#" -eq 0 ] || shift
    done
    # shellcheck disable=SC2059 # Octal escapes of 64 bytes.
    { printf "$inner" && cat; } | openssl dgst -sha256 -binary |
        { printf "$outer" && cat; } | openssl dgst -sha256 -r | cut -d' ' -f1
}

# sign SECRET CLIENT_ID TIMESTAMP_MS MESSAGE; the message is the body, or of a GET its path and query.
sign() {
    printf '%s.%s.%s' "$3" "$2" "$4" | basenc --base64url --wrap=0 | tr -d '=' | hmac "$1"
}

# verify SECRET CLIENT_ID MESSAGE NOW_MS TIMESTAMP SENT_CLIENT_ID SIGNATURE; the last three came in the headers.
verify() {
    case "$5" in '' | *[!0-9]*) return 1 ;; esac
    [ "${#5}" -le 15 ] && [ "$6" = "$2" ] && [ "$(($4 - $5))" -ge -60000 ] && [ "$(($4 - $5))" -le 300000 ] || return 1
    # A shell does not compare in constant time. So it compares hashes under a key that nobody knows.
    once=$(openssl rand -hex 32)
    [ "$(sign "$once" x 0 "$7")" = "$(sign "$once" x 0 "$(sign "$1" "$2" "$5" "$3")")" ]
}

tab=$(printf '\t')
while IFS="$tab" read -r timestamp client_id secret message signature; do
    # Two tabs are one separator for `read`, so an empty message leaves no field of its own.
    [ -n "$signature" ] || { signature=$message message=''; }
    check() { verify "$secret" "$client_id" "$1" "$(($timestamp + $2))" "$timestamp" "$client_id" "$signature"; }
    if [ "$(sign "$secret" "$client_id" "$timestamp" "$message")" = "$signature" ] &&
        check "$message" 299000 && ! check "$message " 0 && ! check "$message" 301000; then
        echo "ok $signature"
    else
        echo "WRONG $signature"
        exit 1
    fi
done
