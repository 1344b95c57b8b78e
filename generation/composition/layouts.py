"""A template solved for one size: the boxes of stage, product, motif and text, in pixels.

The tree is split from the outside in. Parts never overlap, so no text can come to lie on the product;
every box keeps the safe margin at the placement's edge and clear of the AI label and the legal line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from generation.composition.sizes import Size
from generation.composition.templates import Item, Node, Template

Box = tuple[int, int, int, int]  # left, top, width, height
Rect = tuple[float, float, float, float]  # left, top, right, bottom

MARGIN, GUTTER = 5.0, 2.6  # units: to the placement's edge, and between parts
LEAST_MARGIN = 6  # pixels on the shopper's screen
FLOOR_SHARE = 0.11  # of the stage's height below a standing product
HORIZON_SHARE = 0.16  # of the stage's height between where it stands and where the wall begins


@dataclass(frozen=True)
class StackBox:
    """The room of one stack of text."""

    box: Box
    items: tuple[Item, ...]
    align: str
    anchor: str
    panel: str
    sizes: dict[str, float]


@dataclass(frozen=True)
class Layout:
    """One template in one size."""

    placement: Size
    template: Template
    stage: Box
    product: Box
    motif: Box
    floor: float  # where the product stands, in pixels from the top
    horizon: float  # where wall meets floor
    floats: bool
    stage_panel: str
    stacks: tuple[StackBox, ...]
    panels: tuple[tuple[Box, str], ...]
    label_box: Box
    legal_box: Box | None

    @property
    def width(self) -> int:
        return self.placement.width

    @property
    def height(self) -> int:
        return self.placement.height

    @property
    def size(self) -> tuple[int, int]:
        return self.placement.size

    @property
    def kilobytes(self) -> int:
        return self.placement.kilobytes

    @property
    def unit(self) -> float:
        return self.placement.unit

    @property
    def label(self) -> str:
        return self.template.label

    def without(self, name: str) -> Layout:
        """The same with a region left out of its stack: it stands elsewhere."""
        stacks = tuple(
            replace(
                stack,
                items=tuple(
                    replace(item, names=tuple(other for other in item.names if other != name))
                    for item in stack.items
                    if item.names != (name,)
                ),
            )
            for stack in self.stacks
        )
        return replace(self, stacks=stacks)


def margin_of(placement: Size) -> float:
    """The safe margin in pixels."""
    return max(MARGIN * placement.unit, LEAST_MARGIN * placement.scale)


def layout_solve(
    template: Template, placement: Size, *, label: tuple[int, int], legal_height: int = 0
) -> Layout:
    """Solve the template for a size.

    ``label`` is the AI label's tab, ``legal_height`` the height of the mandatory legal line (0: none);
    both are kept free.
    """
    return _Solver(template, placement, label, legal_height).solve()


class _Solver:
    def __init__(
        self, template: Template, placement: Size, label: tuple[int, int], legal_height: int
    ) -> None:
        self.template, self.placement = template, placement
        self.unit = placement.unit
        self.margin = margin_of(placement)
        self.canvas: Rect = (0, 0, placement.width, placement.height)
        left = 0 if template.label.endswith("left") else placement.width - label[0]
        top = 0 if template.label.startswith("top") else placement.height - label[1]
        self.label: Rect = (left, top, left + label[0], top + label[1])
        self.legal: Rect | None = None
        if legal_height:
            # Beside the label when that is at the bottom; nothing else may stand on this strip.
            inner = max(self.margin * 0.6, LEAST_MARGIN * placement.scale * 0.7)
            right = (self.label[0] if template.label == "bottom-right" else placement.width) - inner
            start = (self.label[2] if template.label == "bottom-left" else 0) + inner
            bottom = placement.height - inner * 0.6
            self.legal = (start, bottom - legal_height, right, bottom)
        self.stage: tuple[Node, Rect] | None = None
        self.stacks: list[StackBox] = []
        self.panels: list[tuple[Box, str]] = []

    def solve(self) -> Layout:
        tree = self.template.arrangement(self.placement.shape)
        self._split(tree, self.canvas)
        if self.stage is None:
            raise ValueError(f"{self.template.key} has no stage in the shape {self.placement.shape}")
        node, rect = self.stage
        stage_height = rect[3] - rect[1]
        pad = (4.0 if node.pad is None else node.pad) * self.unit
        foot = pad if node.floats else max(pad, FLOOR_SHARE * stage_height)
        product = self._clear((rect[0] + pad, rect[1] + pad, rect[2] - pad, rect[3] - foot))
        floor = product[3]
        return Layout(
            placement=self.placement,
            template=self.template,
            stage=_box(rect),
            product=_box(product),
            motif=_box((rect[0] + pad * 0.4, rect[1] + pad * 0.4, rect[2] - pad * 0.4, floor)),
            floor=floor,
            horizon=floor - HORIZON_SHARE * stage_height,
            floats=node.floats,
            stage_panel=node.panel,
            stacks=tuple(self.stacks),
            panels=tuple(self.panels),
            label_box=_box(self.label),
            legal_box=_box(self.legal) if self.legal else None,
        )

    def _split(self, node: Node, rect: Rect) -> None:
        if node.kind == "stage":
            self.stage = (node, rect)
        elif node.kind == "stack":
            self._stack(node, rect)
        else:
            self._children(node, rect)
        if node.panel and node.kind != "stage":
            self.panels.append((_box(rect), node.panel))

    def _children(self, node: Node, rect: Rect) -> None:
        children = [child for child in node.children if child.needs.met(*self.placement.screen)]
        start, end = (rect[0], rect[2]) if node.kind == "row" else (rect[1], rect[3])
        fixed = sum(child.length * self.unit for child in children if child.length is not None)
        shares = sum(child.grow for child in children if child.length is None)
        room = max(end - start - fixed, 0)
        at = start
        for child in children:
            length = child.length * self.unit if child.length is not None else room * child.grow / shares
            inner = (
                (at, rect[1], at + length, rect[3])
                if node.kind == "row"
                else (rect[0], at, rect[2], at + length)
            )
            self._split(child, inner)
            at += length

    def _stack(self, node: Node, rect: Rect) -> None:
        sides = []
        for value, edge, sign in zip(rect, self.canvas, (1, 1, -1, -1), strict=True):
            if node.pad is not None:
                inset = node.pad * self.unit
            else:
                inset = self.margin if abs(value - edge) < 0.5 else GUTTER * self.unit
            sides.append(value + sign * inset)
        left, top, right, bottom = self._clear((sides[0], sides[1], sides[2], sides[3]))
        items = tuple(item for item in node.items if item.needs.met(*self.placement.screen))
        self.stacks.append(
            StackBox(
                _box((left, top, right, bottom)), items, node.align, node.anchor, node.panel, dict(node.sizes)
            )
        )

    def _clear(self, rect: Rect) -> Rect:
        """The rectangle cut back from label and legal line, each time by the side that costs least."""
        for taken in (self.legal, self.label):
            if taken is not None:
                rect = _cut(rect, taken, 0.9 * self.unit)
        return rect


def _cut(rect: Rect, taken: Rect, gap: float) -> Rect:
    left, top, right, bottom = rect
    if not (
        left < taken[2] + gap and taken[0] - gap < right and top < taken[3] + gap and taken[1] - gap < bottom
    ):
        return rect
    rests: list[Rect] = [
        (left, top, right, taken[1] - gap),
        (left, taken[3] + gap, right, bottom),
        (left, top, taken[0] - gap, bottom),
        (taken[2] + gap, top, right, bottom),
    ]
    return max(rests, key=lambda r: max(r[2] - r[0], 0) * max(r[3] - r[1], 0))


def _box(rect: Rect) -> Box:
    left, top = round(rect[0]), round(rect[1])
    return left, top, max(round(rect[2]) - left, 1), max(round(rect[3]) - top, 1)
