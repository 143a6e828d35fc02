"""Options that take several values in a row: `--widths 8,16 32,64 --kernel-size 3 5`."""

from __future__ import annotations

import click


class TakesSeveral(click.Command):
    """A command whose repeatable options take all words up to the next flag; its arguments stand before them.

    click's options take a fixed number of values. Here `--widths 8,16 32,64` is read as `--widths 8,16 --widths 32,64`.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write the flag before each further value, and let click go on."""
        flags = {name for one in self.params if isinstance(one, click.Option) and one.multiple for name in one.opts}
        written: list[str] = []
        flag: str | None = None
        has_value = False
        for word in args:
            if word.startswith("-"):
                name, equals, _ = word.partition("=")
                flag, has_value = (name if name in flags else None), bool(equals)
            elif flag is not None:
                if has_value:
                    written.append(flag)
                has_value = True
            written.append(word)
        return super().parse_args(ctx, written)
