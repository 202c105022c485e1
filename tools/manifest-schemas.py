#!/usr/bin/env python3
"""Writes the schemas of kinds as kubeconform reads them: GROUP/KIND_VERSION.json in a folder.

    manifest-schemas.py FOLDER KUBERNETES,... FILE...

FOLDER/custom      the kinds of the CustomResourceDefinitions in the files
FOLDER/KUBERNETES  the kinds of this version of Kubernetes (1.37), from the package kubernetes-validate

A field that a schema does not name is refused: Kubernetes drops it, and says so only with
`--validate=strict`.
"""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import yaml

DEFINITIONS = "#/$defs/"
OBJECT_META = DEFINITIONS + "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def strict(schema: Any) -> Any:
    """The schema, which also refuses unknown fields of objects with known ones."""
    if isinstance(schema, list):
        return [strict(it) for it in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: strict(it) for key, it in schema.items()}
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not is_open:
        schema["additionalProperties"] = False
    if schema.pop("x-kubernetes-int-or-string", False):
        schema.pop("type", None)
        schema["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    return schema


def definitions_of(kubernetes: str) -> dict[str, Any]:
    """The definitions of a version of Kubernetes, by name. Each refuses unknown fields."""
    package = importlib.util.find_spec("kubernetes_validate")
    if package is None or package.origin is None:
        sys.exit("the package kubernetes-validate is not installed")
    folder = Path(package.origin).parent / "kubernetes-json-schema" / f"v{kubernetes}.0-local-strict"
    return json.loads((folder / "_definitions.json").read_text())["$defs"]


def references(schema: Any) -> set[str]:
    """The names of the definitions that the schema refers to."""
    if isinstance(schema, list):
        return set().union(*map(references, schema))
    if not isinstance(schema, dict):
        return set()
    found = set().union(*map(references, schema.values()))
    if isinstance(target := schema.get("$ref"), str):
        found.add(target.removeprefix(DEFINITIONS))
    return found


def complete(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema with all definitions that it needs, so that it can be read alone."""
    needed: dict[str, Any] = {}
    missing = references(schema)
    while missing:
        name = missing.pop()
        needed[name] = definitions[name]
        missing |= references(needed[name]) - needed.keys()
    return {**schema, "$defs": needed}


def write(folder: Path, group: str, kind: str, version: str, schema: dict[str, Any]) -> None:
    # For kubeconform the group of `apiVersion: v1` is v1.
    path = folder / (group or version) / f"{kind.lower()}_{version}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(schema))


def write_custom(folder: Path, file: str, definitions: dict[str, Any]) -> None:
    written = 0
    for document in yaml.safe_load_all(Path(file).read_text()):
        if not document or document.get("kind") != "CustomResourceDefinition":
            continue
        spec = document["spec"]
        for version in spec["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            # Any object has these.
            schema["properties"] |= {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"$ref": OBJECT_META},
            }
            schema = complete(schema, definitions)
            write(folder, spec["group"], spec["names"]["kind"], version["name"], schema)
            written += 1
    if written == 0:
        sys.exit(f"{file} has no CustomResourceDefinition")


def main(folder: Path, versions: list[str], files: list[str]) -> None:
    definitions: dict[str, Any] = {}
    for kubernetes in versions:
        definitions = definitions_of(kubernetes)
        for schema in definitions.values():
            for it in schema.get("x-kubernetes-group-version-kind", []):
                whole = complete(schema, definitions)
                write(folder / kubernetes, it["group"], it["kind"], it["version"], whole)
    for file in files:
        write_custom(folder / "custom", file, definitions)


main(Path(sys.argv[1]), sys.argv[2].split(","), sys.argv[3:])
