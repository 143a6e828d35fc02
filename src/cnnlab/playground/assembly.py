"""From `web/kernels.wat` to the two modules that ship beside it: `python -m cnnlab.playground.assembly`.

`kernels.wasm` multiplies and adds in one rounding (WebAssembly's relaxed SIMD), `kernels-simd.wasm` in two, for
browsers without that.
"""

from __future__ import annotations

import re
from pathlib import Path

WEB = Path(__file__).parent / "web"


def assembled() -> dict[str, bytes]:
    """The modules by file name, made anew from their source. Needs the package wasmtime (extra `dev`)."""
    from wasmtime import wat2wasm

    source = (WEB / "kernels.wat").read_text(encoding="utf-8")
    in_two = re.sub(
        r"\(f32x4\.relaxed_madd (\(.*?\)) (\(.*?\)) (\(.*?\))\)", r"(f32x4.add (f32x4.mul \1 \2) \3)", source
    )
    return {"kernels.wasm": bytes(wat2wasm(source)), "kernels-simd.wasm": bytes(wat2wasm(in_two))}


def main() -> None:
    """Write both."""
    for name, content in assembled().items():
        (WEB / name).write_bytes(content)
        print(f"{name}  {len(content):,} bytes")


if __name__ == "__main__":
    main()
