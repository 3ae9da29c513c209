"""What a benchmark by turns prints."""

import statistics

import spread


def show(found):
    """Figures of two ways, by name; returns the pairs' ratios of images per second, the second way's to the first one's."""
    first, second = found
    print(f"\nmedian (least–most) of {len(found[first])} rounds")
    print(f"{'':<34}{first:>26}{second:>26}{'ratio of the pairs':>26}")

    def row(name, of, digits):
        values = [[of(figures) for figures in found[way]] for way in (first, second)]
        ratios = [b / a for a, b in zip(*values, strict=True) if a]
        print(f"{name:<34}{spread.of(values[0], digits):>26}{spread.of(values[1], digits):>26}"
              f"{spread.of(ratios, 3) if ratios else '':>26}")
        return ratios

    speed = row("images/s", lambda figures: figures.images_per_second, 2)
    computed = row("processor time, ms/image", lambda figures: sum(figures.milliseconds.values()) - figures.milliseconds["client"], 1)
    for kind in found[second][0].milliseconds:
        row(f"  {kind}, ms/image", lambda figures, kind=kind: figures.milliseconds.get(kind, 0), 1)
    for kind in found[second][0].cores:
        row(f"cores in use by {kind}", lambda figures, kind=kind: figures.cores.get(kind, 0), 3)
    print()
    for name, ratios in (("images/s", speed), ("processor time", computed)):
        sure = spread.sure(ratios)
        between = f", with 95 % between {sure[0]:.3f} and {sure[1]:.3f}" if sure else ""
        print(f"ratio of {name}: median {statistics.median(ratios):.3f}{between}")
    return speed
