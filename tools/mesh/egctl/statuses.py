"""Fails if egctl does not accept each resource of a manifest, and says which and why.

    egctl experimental translate --to gateway-api -o json -f MANIFEST | python3 statuses.py MANIFEST

A resource is accepted if it has conditions and each of them is True. egctl may also leave one out.
"""

import json
import re
import sys

# Kinds of Kubernetes itself. They have no conditions.
WITHOUT_CONDITIONS = {"ConfigMap", "Namespace", "Secret"}


def objects(tree):
    """Each object in a tree, the outer ones first."""
    if isinstance(tree, dict):
        yield tree
        tree = list(tree.values())
    for item in tree if isinstance(tree, list) else []:
        yield from objects(item)


def named(resource):
    """The kind and the name of a resource."""
    metadata = resource["metadata"]
    names = [metadata.get("namespace"), metadata["name"]]
    return f"{resource['kind']} {'/'.join(name for name in names if name)}"


def faults(resources, kinds):
    """What is wrong with the resources of a manifest that has these kinds."""
    for resource in resources:
        parts = objects(resource["status"])
        conditions = [it for part in parts for it in part.get("conditions") or []]
        if not conditions:
            yield f"{named(resource)} has no conditions"
        for it in conditions:
            if it["status"] != "True":
                yield f"{named(resource)}: {it['type']}={it['status']}, {it['reason']}: {it['message']}"
    for kind in sorted(set(kinds) - WITHOUT_CONDITIONS):
        wanted, there = kinds.count(kind), sum(it["kind"] == kind for it in resources)
        if wanted != there:
            yield f"{kind}: the manifest has {wanted}, egctl returned {there}"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        kinds = re.findall(r"^kind: (\w+)$", file.read(), re.MULTILINE)
    tree = json.load(sys.stdin)
    resources = [it for it in objects(tree) if {"kind", "metadata", "status"} <= it.keys()]
    sys.exit("\n".join(faults(resources, kinds)) or 0)


main()
