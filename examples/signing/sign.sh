#!/bin/sh
# The signature in a shell (docs/protocol.md, section 2): printf, basenc and openssl. `sign.sh < lines` checks it: one
# vector in a line, as timestamp, client id, secret, message and signature, with a tab between two of them.
#
# For trying things out by hand. Other users of the machine can read the secret in the list of processes.
set -eu

# sign SECRET CLIENT_ID TIMESTAMP_MS MESSAGE; the message is the body, or of a GET its path and query.
sign() {
    printf '%s.%s.%s' "$3" "$2" "$4" | basenc --base64url --wrap=0 | tr -d '=' |
        openssl dgst -sha256 -hmac "$1" -r | cut -d' ' -f1
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
