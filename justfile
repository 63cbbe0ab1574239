# The commands that people type. `just` lists them; each is an ordinary command that works without just, too.

# List the commands
default:
    @just --list --unsorted

# Run everything on this machine, and serve until Ctrl-C
sandbox *options:
    cargo run --package sandbox -- {{ options }}

# Walk one payment through and exit
once:
    cargo run --package sandbox -- --once --listen 127.0.0.1:0

# Check that everything compiles; builds no binary
check:
    cargo check --workspace --all-targets

# Run the tests: all of them, or those of one package (just test --package tikivip-domain)
test *options="--workspace":
    cargo test {{ options }}

# Run the end-to-end tests whose names have this text
story name:
    cargo test --package e2e --test stories {{ name }}

# Format the code
fmt:
    cargo fmt --all

# Lint the code as the gate does
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- --deny warnings

# Run the whole gate
gate:
    .ci/run

# Write the bills of materials of the functions and of tikivip
sbom folder="target/sbom" build="":
    .ci/sbom {{ folder }} {{ build }}

# Send hostile calls to every route of a sandbox (just hostile-client --seconds 600)
hostile-client *options:
    .ci/hostile-client {{ options }}

# Look for what is set up wrongly, by the settings of a sandbox or a stack
doctor settings="tikivip.json":
    cargo run --quiet --package tikivip -- --settings {{ settings }} doctor

# Simulate so many seeds, and show all counts
simulate seeds="100":
    cargo run --package simulate -- --seeds {{ seeds }} --tables

# Plant each known bug in a copy of the last commit, and say who finds it
mutations *patches:
    tools/simulate/mutations/run {{ patches }}

# Run the hooks of pre-commit on all files
hooks:
    pre-commit run --all-files
