"""A stack of text solved for its words: one common scale for all of it, so that the hierarchy holds.

The template says how large each text would like to be. The largest share of these sizes at which the
whole stack fits its box is searched; where even the smallest legible sizes do not fit, the texts that
may be left out go one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from generation.composition.layouts import Box, Layout, StackBox
from generation.composition.price import PriceText
from generation.composition.templates import DROP_ORDER, SPACE, Region
from generation.composition.typography import TextBlock, measured_width, text_fit

STEPS = 8  # of the search; the scale is then exact to half a percent
WAS_SHARE = 0.56  # the size of the price before, beside the price now
LINK_ROOM = 1.45  # the height of a call to action that is a plain link, in its size
BUTTON_ROOM = 2.3
SQUEEZED = 0.75  # of the smallest size, for a price that fits in no other way


@dataclass(frozen=True)
class Texts:
    """What there is to write; an empty one has no place. ``logo`` is its (width, height), None for none."""

    words: dict[str, str]
    price: PriceText
    logo: tuple[int, int] | None
    language: str
    clear_space: float = 0.5  # of the logo's height


@dataclass(frozen=True)
class Setting:
    """One text with its size and place."""

    name: str
    region: Region
    box: Box
    align: str
    panel: str
    block: TextBlock | None = None  # None for a logo
    before: TextBlock | None = None  # the price before
    is_sale: bool = False
    is_above: bool = False  # the price before stands above the price, not beside it
    chevron: float = 0.0
    inset: float = 0.0  # of a button, from its edge to its words


@dataclass(frozen=True)
class _Part:
    """A text measured at one scale; ``left`` and ``top`` are within its row."""

    setting: Setting
    width: float
    height: float


def stack_solve(layout: Layout, stack: StackBox, texts: Texts) -> list[Setting]:
    """The stack's texts in their places."""
    solver = _Stack(layout, stack, texts)
    dropped: set[str] = set()
    for name in (None, *DROP_ORDER):
        if name is not None:
            if not layout.template.regions[name].can_drop or name not in solver.names:
                continue
            dropped.add(name)
        rows = solver.search(dropped)
        if rows is not None:
            return solver.placed(*rows)
    return solver.placed(*solver.forced(dropped))


class _Stack:
    def __init__(self, layout: Layout, stack: StackBox, texts: Texts) -> None:
        self.layout, self.stack, self.texts = layout, stack, texts
        self.left, self.top, self.width, self.height = stack.box
        self.names = {name for item in stack.items for name in item.names}

    def search(self, dropped: set[str]) -> tuple[list[list[_Part] | None], float] | None:
        """The rows at the largest scale that fits; None when not even the smallest does."""
        low, high, found = 0.0, 1.0, None
        for step in range(STEPS):
            scale = high if step == 0 else low if step == 1 else (low + high) / 2
            rows = self.rows(scale, dropped)
            if rows is not None and self.total(rows, scale) <= self.height:
                found = rows, scale
                if step == 0:
                    return found
                low = scale
            elif step == 1:
                return None
            else:
                high = scale
        return found

    def forced(self, dropped: set[str]) -> tuple[list[list[_Part] | None], float]:
        """The smallest sizes with the headline cut to the room that the others leave."""
        others = self.rows(0.0, {*dropped, "headline"}, is_cut=True) or []
        room = self.height - self.total(others, 0.0) - self._gap("headline", 0.0)
        rows = self.rows(0.0, dropped, is_cut=True, headline_room=max(room, 1.0))
        return rows or [], 0.0

    def rows(
        self, scale: float, dropped: set[str], *, is_cut: bool = False, headline_room: float | None = None
    ) -> list[list[_Part] | None] | None:
        """Each item measured; None in the list is the opening space. None in all: something is too wide."""
        rows: list[list[_Part] | None] = []
        for item in self.stack.items:
            if item.names == (SPACE,):
                rows.append(None)
                continue
            names = tuple(name for name in item.names if name not in dropped and self._has(name))
            row = self._row(names, scale, is_cut, headline_room)
            # What does not fit side by side goes one below the other.
            alone = (
                [self._row((name,), scale, is_cut, headline_room) for name in names] if row is None else [row]
            )
            for parts in alone:
                if parts is None and not is_cut:
                    return None
                if parts:
                    rows.append(parts)
        return rows

    def _row(
        self, names: tuple[str, ...], scale: float, is_cut: bool, headline_room: float | None
    ) -> list[_Part] | None:
        """Texts side by side; None when they are too wide."""
        parts: list[_Part] = []
        room = float(self.width)
        # The last is measured first: the button, which needs its words whole.
        for name in reversed(names):
            part = self._part(name, scale, room, is_cut and len(names) == 1, headline_room)
            if part is None:
                return None
            parts.insert(0, part)
            room -= part.width + self._gap(name, scale)
        return parts

    def total(self, rows: list[list[_Part] | None], scale: float) -> float:
        """The height of all rows with the gaps between them."""
        height, is_first = 0.0, True
        for row in rows:
            if row is None:
                continue
            height += max(part.height for part in row)
            height += 0 if is_first else self._gap(row[0].setting.name, scale)
            is_first = False
        return height

    def placed(self, rows: list[list[_Part] | None], scale: float) -> list[Setting]:
        """The parts at their pixels; what room is left opens the spaces or follows the anchor."""
        left_over = max(self.height - self.total(rows, scale), 0)
        spaces = sum(row is None for row in rows)
        y = float(self.top)
        if not spaces:
            y += {"top": 0.0, "middle": left_over / 2, "bottom": left_over}[self.stack.anchor]
        settings, is_first = [], True
        for row in rows:
            if row is None:
                y += left_over / spaces
                continue
            if not is_first:
                y += self._gap(row[0].setting.name, scale)
            is_first = False
            tall = max(part.height for part in row)
            x = float(self.left)
            if len(row) > 1:
                gaps = sum(self._gap(part.setting.name, scale) for part in row[1:])
                used = sum(part.width for part in row) + gaps
                x += {"left": 0.0, "centre": (self.width - used) / 2, "right": self.width - used}[
                    self.stack.align
                ]
            for index, part in enumerate(row):
                x += self._gap(part.setting.name, scale) if index else 0
                alone = len(row) == 1
                box = (
                    round(x),
                    round(y + (tall - part.height) / 2),
                    self.width if alone else round(part.width),
                    round(part.height),
                )
                align = self.stack.align if alone else "left"
                settings.append(replace(part.setting, box=box, align=align))
                x += part.width
            y += tall
        return settings

    # --- one text

    def _has(self, name: str) -> bool:
        if name in ("price", "rule"):
            return True
        return bool(self.texts.words.get(name)) or (name == "wordmark" and self.texts.logo is not None)

    def _gap(self, name: str, scale: float) -> float:
        return self.layout.template.regions[name].gap * self.layout.unit * (0.45 + 0.55 * scale)

    def _sizes(self, name: str, scale: float) -> tuple[int, int]:
        """(size wanted at this scale, smallest legible size) in pixels."""
        region = self.layout.template.regions[name]
        least = round(region.least * self.layout.placement.scale)
        wanted = self.stack.sizes.get(name, region.size) * self.layout.unit
        return max(round(wanted * scale), least), least

    def _part(
        self, name: str, scale: float, room: float, is_cut: bool, headline_room: float | None
    ) -> _Part | None:
        if name == "price":
            return self._price(scale, room, is_cut)
        if name == "action":
            return self._action(scale, room, is_cut)
        if name == "wordmark" and self.texts.logo is not None:
            return self._logo(scale, room)
        if name == "rule":
            thick = max(self.layout.placement.scale, round(0.28 * self.layout.unit))
            setting = Setting(
                "rule", self.layout.template.regions["rule"], (0, 0, 0, 0), "left", self.stack.panel
            )
            return _Part(setting, min(8 * self.layout.unit, room), thick)
        region = self.layout.template.regions[name]
        size, least = self._sizes(name, scale)
        if room < 2 * least:
            return None
        height = float(self.height)
        if name == "headline" and headline_room is not None:
            height = headline_room
        block = self._fit(self.texts.words[name], region, room, height, size, least)
        if block.is_truncated and not is_cut and name != "subline":
            return None
        setting = Setting(name, region, (0, 0, 0, 0), "left", self.stack.panel, block)
        return _Part(setting, block.width, block.height)

    def _width(self, text: str, region: Region, size: int) -> float:
        return measured_width(text, region.face, size, self.texts.language) + 1

    def _fit(
        self, text: str, region: Region, width: float, height: float, size: int, least: int
    ) -> TextBlock:
        least = min(least, size)
        return text_fit(
            text,
            region.face,
            max(width, 1),
            max(height, 2 * least),
            max_size=size,
            min_size=least,
            max_lines=region.lines,
            leading=region.leading,
            language=self.texts.language,
        )

    def _price(self, scale: float, room: float, is_cut: bool) -> _Part | None:
        """The price now; on sale with the price before beside it, else above it, else without."""
        price, region = self.texts.price, self.layout.template.regions["price"]
        size, least = self._sizes("price", scale)
        least = round(least * SQUEEZED) if is_cut else least
        size = next((p for p in range(size, least - 1, -1) if self._width(price.now, region, p) <= room), 0)
        if not size:
            return None  # half a price would be a wrong price: it is left out
        now = self._fit(price.now, replace(region, lines=1), room, self.height, size, size)
        setting = Setting("price", region, (0, 0, 0, 0), "left", self.stack.panel, now, is_sale=price.is_sale)
        if price.is_sale:
            small = max(round(8.5 * self.layout.placement.scale), round(now.size * WAS_SHARE))
            width = measured_width(price.was, "text", small, self.texts.language)
            before = self._fit(price.was, Region("text", 0, 0), width + 2, 3 * small, small, small)
            beside = now.width + 0.32 * now.size + before.width
            if beside <= room:
                return _Part(replace(setting, before=before), beside, now.height)
            tall = now.height + 0.92 * before.height
            if before.width <= room and tall <= 0.45 * self.height:
                above = replace(setting, before=before, is_above=True)
                return _Part(above, max(now.width, before.width), tall)
        return _Part(setting, now.width, now.height)

    def _action(self, scale: float, room: float, is_cut: bool) -> _Part | None:
        region = self.layout.template.regions["action"]
        size, least = self._sizes("action", scale)
        text = self.texts.words["action"]
        is_link = region.shape == "link"
        for points in range(size, least - 1, -1):
            wanted = self._width(text, region, points)
            tall = (LINK_ROOM if is_link else BUTTON_ROOM) * points
            for chevron in (0.36 * points, 0.0) if not is_link else (0.36 * points,):
                inset = 0.0 if is_link else (0.98 if chevron else 0.8) * points
                width = wanted + 2 * inset + 3.2 * chevron
                if width <= room:
                    block = self._fit(text, replace(region, lines=1), wanted, tall, points, points)
                    setting = Setting(
                        "action",
                        region,
                        (0, 0, 0, 0),
                        "left",
                        self.stack.panel,
                        block,
                        chevron=chevron,
                        inset=inset,
                    )
                    return _Part(setting, round(width), tall)
        if not is_cut:
            return None
        # Not even the smallest fits: cut, so that the button stays a button.
        inset = 0.5 * least
        block = self._fit(text, replace(region, lines=1), room - 2 * inset, 3 * least, least, least)
        setting = Setting("action", region, (0, 0, 0, 0), "left", self.stack.panel, block, inset=inset)
        return _Part(setting, round(min(block.width + 2 * inset, room)), BUTTON_ROOM * least)

    def _logo(self, scale: float, room: float) -> _Part:
        """The logo with its clear space around it, which nothing else may enter."""
        width, height = self.texts.logo or (1, 1)
        size, _ = self._sizes("wordmark", scale)
        wanted = size * (2.3 if width < 3 * height else 1.7)
        share = min(wanted / height, room / width, 0.5 * self.height / height)
        clear = self.texts.clear_space * height * share
        region = replace(self.layout.template.regions["wordmark"])
        setting = Setting("wordmark", region, (0, 0, 0, 0), "left", self.stack.panel, inset=clear)
        return _Part(setting, width * share, height * share + clear)
