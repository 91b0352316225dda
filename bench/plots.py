"""Plots of lines as SVG, without any library: points at measured places, a logarithmic axis where the values span much."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 800, 440
LEFT, RIGHT, TOP, BOTTOM = 84, 34, 56, 92
COLOURS = ("#0b62a4", "#d1495b", "#3a7d44", "#8a5a9e", "#b8860b", "#555555")


class Axis:
    """Maps values to places between two ends; logarithmic if they differ more than twentyfold. An upright axis begins at zero, or
    has room at both ends; one across begins and ends with its points."""

    def __init__(self, values, begin, end, upright, linear=False):
        low, high = min(values), max(values)
        self.logarithmic = not linear and low > 0 and high / low > 20
        if upright:
            low = low / 1.08 if self.logarithmic else 0
            high = high * 1.08 or 1
        if low == high:
            low, high = low * 0.5, high * 1.5
        self.low, self.high, self.begin, self.end = self._scale(low), self._scale(high), begin, end

    def _scale(self, value):
        return math.log10(value) if self.logarithmic else value

    def place(self, value):
        return self.begin + (self._scale(value) - self.low) / (self.high - self.low) * (self.end - self.begin)

    def ticks(self):
        if self.logarithmic:
            steps = (1, 2, 5) if self.high - self.low < 3 else (1,)
            every = [step * 10**power for power in range(math.floor(self.low), math.ceil(self.high) + 1) for step in steps]
            return [tick for tick in every if self.low <= math.log10(tick) <= self.high]
        span = self.high - self.low
        step = 10 ** math.floor(math.log10(span / 4))
        step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 6)
        return [step * i for i in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]


def number(value):
    for unit, name in ((1e6, " M"), (1e3, " k")):
        if value >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def text(x, y, content, anchor="middle", size=13, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" {more}>{escape(content)}</text>'


def lines(title, x_label, y_label, series, linear=False):
    """An SVG document. series: name → [(x, y), ...], at least one point in all. linear: the upright axis is."""
    points = [point for line in series.values() for point in line]
    xs = sorted({x for x, _ in points})
    across = Axis(xs, LEFT, WIDTH - RIGHT, upright=False)
    up = Axis([y for _, y in points], HEIGHT - BOTTOM, TOP, upright=True, linear=linear)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
           f'font-family="sans-serif" fill="#222"><title>{escape(title)}</title>',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', text(LEFT, 28, title, "start", 17)]
    for tick in up.ticks():
        y = up.place(tick)
        out.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>' + text(LEFT - 8, y + 4, number(tick), "end", 12))
    last = -math.inf
    for x in xs:
        place = across.place(x)
        out.append(f'<path d="M{place:.1f} {HEIGHT - BOTTOM}v5" stroke="#222"/>')
        if place - last > 44:
            out.append(text(place, HEIGHT - BOTTOM + 20, number(x), size=12))
            last = place
    out.append(f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none" stroke="#222"/>')
    scales = " (logarithmic)" if across.logarithmic else ""
    out.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 42, x_label + scales))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    scales = " (logarithmic)" if up.logarithmic else ""
    out.append(text(18, middle, y_label + scales, more=f'transform="rotate(-90 18 {middle})"'))
    place = LEFT
    for colour, (name, line) in zip(COLOURS, series.items()):
        dots = [(across.place(x), up.place(y)) for x, y in sorted(line)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in dots]
        out.append(f'<rect x="{place}" y="{HEIGHT - 26}" width="14" height="4" fill="{colour}"/>')
        out.append(text(place + 20, HEIGHT - 20, name, "start"))
        place += 44 + 7 * len(name)
    return "\n".join([*out, "</svg>\n"])
