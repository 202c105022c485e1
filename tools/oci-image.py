#!/usr/bin/env python3
"""Writes an OCI image layout that holds the module, and prints the digest of its manifest.

    tools/oci-image.py MODULE FOLDER VERSION EPOCH

The image has one layer with one file, plugin.wasm: the form that Istio's agent and Envoy Gateway
read ("compat"), and that Kubernetes can mount as a volume. It is a plain manifest without an index
of platforms, because a module runs on all of them. The same module, version and EPOCH (seconds
since 1970) give the same bytes.
"""

import gzip
import hashlib
import io
import json
import pathlib
import sys
import tarfile
import time

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def compact(value) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def layer(module: bytes) -> bytes:
    """The tar file. Nothing in it comes from this machine."""
    entry = tarfile.TarInfo("plugin.wasm")
    entry.size, entry.mode, entry.mtime = len(module), 0o644, 0
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(entry, io.BytesIO(module))
    return out.getvalue()


class Layout:
    """The folder, with a file for each blob."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.blobs = folder / "blobs" / "sha256"
        self.blobs.mkdir(parents=True)

    def add(self, media_type: str, data: bytes) -> dict:
        (self.blobs / digest(data).removeprefix("sha256:")).write_bytes(data)
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    def finish(self, manifest: dict, version: str) -> None:
        named = {"annotations": {"org.opencontainers.image.ref.name": version}}
        index = {"schemaVersion": 2, "manifests": [manifest | named]}
        (self.folder / "index.json").write_bytes(compact(index))
        (self.folder / "oci-layout").write_bytes(compact({"imageLayoutVersion": "1.0.0"}))


def main() -> None:
    module, folder, version, epoch = sys.argv[1:]
    tar = layer(pathlib.Path(module).read_bytes())
    # Without a name and a time, as `gzip -n`.
    packed = gzip.compress(tar, compresslevel=9, mtime=0)
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(epoch)))
    layout = Layout(pathlib.Path(folder))
    config = layout.add(CONFIG, compact({
        "architecture": "amd64",
        "config": {},
        "created": created,
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [digest(tar)]},
    }))
    manifest = layout.add(MANIFEST, compact({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config,
        "layers": [layout.add(LAYER, packed)],
        "annotations": {
            "org.opencontainers.image.created": created,
            "org.opencontainers.image.title": "imagegate",
            "org.opencontainers.image.version": version,
            "org.opencontainers.image.licenses": "Apache-2.0",
        },
    }))
    layout.finish(manifest, version)
    print(manifest["digest"])


if __name__ == "__main__":
    main()
