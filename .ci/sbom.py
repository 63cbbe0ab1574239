"""Corrects and checks the bills of materials that `.ci/sbom` has made.

cargo-cyclonedx lists what cargo's metadata have, and they also have optional crates that no feature switches on. So what
`cargo tree` does not have is taken out. Then each bill must be valid by CycloneDX's schema, and must have exactly the
crates of its program, in the versions and with the checksums of Cargo.lock. Planted mistakes must be found.
"""

import collections
import copy
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tomllib

import cyclonedx.schema
import jsonschema_rs

ROOT = pathlib.Path(__file__).resolve().parent.parent
Crate = tuple[str, str]


def schema_of_cyclonedx() -> jsonschema_rs.Validator:
    """CycloneDX's own schema. The validator of its library compares each pair of crates: minutes."""
    folder = pathlib.Path(cyclonedx.schema.__file__).parent / "_res"
    schema, *others = (
        (f"http://cyclonedx.org/schema/{name}", json.loads((folder / name).read_text(encoding="utf-8")))
        for name in ("bom-1.5.SNAPSHOT.schema.json", "spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json")
    )
    return jsonschema_rs.validator_for(schema[1], registry=jsonschema_rs.Registry(others), validate_formats=True)


SCHEMA = schema_of_cyclonedx()


def run(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def programs() -> dict[str, str | None]:
    """What must have a bill: each function by the name of its binary, with its name in the template; and tikivip."""
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    resources = re.split(r"(?m)^  (?=\w+:\n)", template)
    binary = re.compile(r"BuildProperties:.*?Binary: ([\w-]+)", re.DOTALL)
    found = {name[1]: resource.partition(":")[0] for resource in resources if (name := binary.search(resource))}
    folders = {path.name for path in (ROOT / "functions").iterdir()}
    assert set(found) == folders, f"the template builds {sorted(found)}, and functions/ has {sorted(folders)}"
    return {**found, "tikivip": None}


def dependencies(target: str) -> dict[Crate, set[Crate]]:
    """Crate → what it is built with, as one build of the workspace switches their features on."""
    tree = run("cargo", "tree", "--locked", "--workspace", "--edges", "normal,build", "--target", target,
               "--prefix", "depth", "--format", " {p}")
    found: dict[Crate, set[Crate]] = collections.defaultdict(set)
    path: list[Crate] = []
    for line in filter(None, tree.splitlines()):
        depth, name, version = line.split()[:3]
        del path[int(depth) :]
        crate = (name, version.removeprefix("v"))
        if path:
            found[path[-1]].add(crate)
        path.append(crate)
    return found


def built_with(crate: Crate, tree: dict[Crate, set[Crate]]) -> set[Crate]:
    found: set[Crate] = set()
    left = [crate]
    while left:
        for needed in tree[left.pop()] - found:
            found.add(needed)
            left.append(needed)
    return found


def crate_of(component: dict) -> Crate:
    return component["name"], component["version"]


def corrected(bill: dict, crates: set[Crate], commit: str, built: pathlib.Path | None) -> dict:
    """The bill with these crates only, without this machine's paths, with what identifies the program."""
    bill = json.loads(json.dumps(bill).replace(f"file://{ROOT}", "file://"))
    bill["components"] = [part for part in bill["components"] if crate_of(part) in crates]
    program = bill["metadata"]["component"]
    refs = {part["bom-ref"] for part in [program, *bill["components"]]}
    bill["dependencies"] = [
        {**edge, "dependsOn": [ref for ref in edge.get("dependsOn", []) if ref in refs]}
        for edge in bill["dependencies"]
        if edge["ref"] in refs
    ]
    bill["metadata"]["properties"].append({"name": "git:commit", "value": commit})
    if built:
        program["hashes"] = [{"alg": "SHA-256", "content": hashlib.sha256(built.read_bytes()).hexdigest()}]
    return bill


def problems(bill: dict, name: str, crates: set[Crate], locked: dict[Crate, str | None]):
    """What is wrong with the bill of this program, which is built with these crates."""
    invalid = [error.message for error in SCHEMA.iter_errors(bill)]
    if invalid:
        yield f"is not valid: {invalid[0]}"
        return
    if bill["metadata"]["component"]["name"] != name:
        yield "is another program's"
    listed = {crate_of(part): part for part in bill["components"]}
    for crate in sorted(crates - listed.keys()):
        yield f"{' '.join(crate)} is missing"
    for crate, part in sorted(listed.items()):
        hashes = [known["content"] for known in part.get("hashes", [])]
        checksum = locked.get(crate)
        if crate not in locked:
            yield f"Cargo.lock has no {' '.join(crate)}"
        elif crate not in crates:
            yield f"{' '.join(crate)} is not built"
        elif hashes != ([checksum] if checksum else []):
            yield f"{' '.join(crate)} has another checksum than in Cargo.lock"


def self_test(bill: dict, *rest) -> None:
    """Each of these mistakes must be found."""
    def plant(change):
        planted = copy.deepcopy(bill)
        change(planted, next(part for part in planted["components"] if part.get("hashes")))
        assert list(problems(planted, *rest)), "a planted mistake is not found"

    plant(lambda planted, part: part.update(version="0.0.0"))
    plant(lambda planted, part: part["hashes"][0].update(content="0" * 64))
    plant(lambda planted, part: planted["components"].remove(part))
    plant(lambda planted, part: part.update(type="crate"))
    plant(lambda planted, part: planted["metadata"]["component"].update(name="other"))


def main(folder: str, target: str, builds: str | None = None) -> None:
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    locked = {(package["name"], package["version"]): package.get("checksum") for package in lock}
    tree = dependencies(target)
    commit = run("git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude", "*").strip()
    wrong = []
    for name, function in programs().items():
        path = pathlib.Path(folder, f"{name}.cdx.json")
        bill = json.loads(path.read_text(encoding="utf-8"))
        crates = built_with(crate_of(bill["metadata"]["component"]), tree)
        built = pathlib.Path(builds, function, "bootstrap") if builds and function else None
        bill = corrected(bill, crates, commit, built)
        path.write_text(json.dumps(bill, indent=1) + "\n", encoding="utf-8")
        wrong += [f"{path}: {problem}" for problem in problems(bill, name, crates, locked)]
        if not wrong:
            self_test(bill, name, crates, locked)
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(programs())} bills of materials in {folder}: valid, with the versions and checksums of Cargo.lock.")


main(*sys.argv[1:])
