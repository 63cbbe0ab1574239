# A sandbox for the scripts of this folder, which read this file with `source`. SANDBOX names the binary.

# Starts it, and waits until it is ready: the first start builds the functions. Sets `sandbox_pid`; its addresses are in
# ready.json of the folder, its output in sandbox.log.
start_sandbox() { # folder, more arguments
    mkdir -p "$1"
    rm -f "$1/ready.json"
    "${SANDBOX:-target/debug/sandbox}" --listen 127.0.0.1:0 --no-cron --ready-file "$1/ready.json" "${@:2}" >"$1/sandbox.log" 2>&1 &
    sandbox_pid=$!
    until [ -s "$1/ready.json" ]; do
        kill -0 "$sandbox_pid" 2>/dev/null || { cat "$1/sandbox.log"; return 1; }
        sleep 0.2
    done
}

stop_sandbox() {
    [ -n "${sandbox_pid:-}" ] || return 0
    kill "$sandbox_pid" 2>/dev/null || true
    wait "$sandbox_pid" 2>/dev/null || true
}

address() { # folder, name: url, tiki_url, core_url
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1/ready.json" "$2"
}
