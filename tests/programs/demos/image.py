# SPDX-License-Identifier: MIT
"""image.py OUTPUT PROGRAM: a container image of one layer, which has the program
as /bin/app, as a tar file in the layout of the Open Container Initiative."""

import gzip
import hashlib
import io
import json
import sys
import tarfile

MEDIA = "application/vnd.oci.image."


def add(archive, name, content, mode=0o644):
    """A file in a tar archive, the same whenever it is made."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    member.mode = mode
    archive.addfile(member, io.BytesIO(content))


def make_layer(program):
    """The image's only layer, and its digest before compression."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        folder = tarfile.TarInfo("bin")
        folder.type = tarfile.DIRTYPE
        folder.mode = 0o755
        archive.addfile(folder)
        add(archive, "bin/app", program, 0o755)
    return gzip.compress(plain.getvalue(), 1, mtime=0), digest(plain.getvalue())


def digest(content):
    """As the image's own files name each other."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def described(kind, content, **more):
    """A reference to a file of the image."""
    return {"mediaType": MEDIA + kind, "digest": digest(content),
            "size": len(content), **more}


def main():
    """Writes the image."""
    with open(sys.argv[2], "rb") as file:
        layer, layer_digest = make_layer(file.read())
    config = json.dumps({
        "architecture": "amd64", "os": "linux",
        "config": {"Cmd": ["/bin/app"]},
        "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
    }).encode()
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": MEDIA + "manifest.v1+json",
        "config": described("config.v1+json", config),
        "layers": [described("layer.v1.tar+gzip", layer)],
    }).encode()
    name = {"io.containerd.image.name": "example.org/app:1"}
    index = json.dumps({
        "schemaVersion": 2,
        "manifests": [described("manifest.v1+json", manifest, annotations=name)],
    }).encode()
    with tarfile.open(sys.argv[1], "w") as archive:
        add(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        add(archive, "index.json", index)
        for content in (config, manifest, layer):
            add(archive, "blobs/sha256/" + digest(content)[7:], content)


main()
