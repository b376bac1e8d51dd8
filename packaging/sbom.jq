# A software bill of materials (CycloneDX 1.5) out of `cargo metadata`. Without a serial number and with a given time,
# so that the same sources give the same bytes.
def purl: "pkg:cargo/\(.name)@\(.version)";
def component: {
    type: "library",
    "bom-ref": purl,
    name: .name,
    version: .version,
    description: (.description // "" | gsub("\\s+"; " ") | sub("^ "; "") | sub(" $"; "")),
    licenses: [{ expression: .license }],
    purl: purl
};

. as $input
| ($libraries | split("\n") | map(split(" ") | { name: .[0], version: .[1][1:] })) as $linked
| [$input.packages[] | select({ name, version } as $this | $linked | any(. == $this))] as $packages
| ($input.packages[] | select(.name == "listenup")) as $program
| ($packages + [$program]) as $all
| ($all | map({ key: .id, value: purl }) | from_entries) as $purls
| {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: {
        timestamp: $time,
        component: ($program | component + {
            type: "application",
            hashes: [{ alg: "SHA-256", content: $sha256 }],
            properties: [
                { name: "listenup:target", value: $target },
                { name: "listenup:rustc", value: $rustc }
            ]
        })
    },
    components: ([$packages | sort_by(.name, .version)[] | component] + [{
        type: "library",
        "bom-ref": "rust-std",
        name: "rust-std",
        version: $rustc,
        description: "The standard library of Rust",
        licenses: [{ expression: "MIT OR Apache-2.0" }]
    }, {
        type: "library",
        "bom-ref": "libc",
        name: ($libc | split(" ")[0]),
        description: "The C library",
        licenses: [{ expression: (if $libc == "musl" then "MIT" else "LGPL-2.1-or-later" end) }]
    } + ($libc | split(" ")[1] | if . then { version: . } else {} end)]),
    dependencies: ([$input.resolve.nodes[] | select($purls[.id]) | {
        ref: $purls[.id],
        dependsOn: ([.deps[]
            | select(any(.dep_kinds[]; .kind == null))
            | $purls[.pkg] | select(. != null)] | unique)
    }] | sort_by(.ref))
}
