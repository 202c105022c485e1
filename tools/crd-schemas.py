#!/usr/bin/env python3
"""Writes the schemas in CustomResourceDefinitions as kubeconform reads them.

    crd-schemas.py FOLDER FILE...    FOLDER/GROUP/KIND_VERSION.json for each kind and version

A field that a schema does not name is refused: Kubernetes drops it, and says so only with `--validate=strict`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml


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


def main(folder: Path, files: list[str]) -> None:
    written = 0
    for file in files:
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
                    "metadata": {"type": "object"},
                }
                kind = spec["names"]["kind"].lower()
                path = folder / spec["group"] / f"{kind}_{version['name']}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(schema))
                written += 1
    if written == 0:
        sys.exit(f"no CustomResourceDefinition in {files}")


main(Path(sys.argv[1]), sys.argv[2:])
