#!/usr/bin/env python3
"""Draws the rows of the dashboard from its own queries, or checks that Prometheus answers them.

    tools/draw-dashboard.py --check URL                 each query is answered
    tools/draw-dashboard.py URL MINUTES FOLDER          FOLDER/dashboard-ROW.png, one for each row

It asks Prometheus as Grafana does, with the variables filled in. The pictures show what the queries
return, the titles, the units and the legends; they are no pictures of Grafana.
"""

import json
import math
import pathlib
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

DASHBOARD = pathlib.Path(__file__).parent.parent / "deploy/grafana/dashboards/imagegate.json"
# The interval of the scrapes, and of the points.
STEP = 5
RATE_INTERVAL = "1m"


def expression(target, seconds):
    """A query with its variables filled in."""
    values = {"$__rate_interval": RATE_INTERVAL, "$__range": f"{int(seconds)}s", "$job": ".*", "$instance": ".*"}
    text = target["expr"]
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def ask(url, target, seconds):
    """The series of a query: labels, and pairs of time and value."""
    now = time.time()
    query = {"query": expression(target, seconds), "start": now - seconds, "end": now, "step": STEP}
    with urllib.request.urlopen(f"{url}/api/v1/query_range?{urllib.parse.urlencode(query)}", timeout=30) as answer:
        result = json.load(answer)["data"]["result"]
    return [(it["metric"], [(float(t) - now, float(v)) for t, v in it["values"]]) for it in result]


def rows():
    """The rows, each with its panels."""
    found = []
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        if panel["type"] == "row":
            found.append((panel["title"], []))
        else:
            found[-1][1].append(panel)
    return found


def check(url):
    faults = []
    count = 0
    for _, panels in rows():
        for panel in panels:
            for target in panel["targets"]:
                count += 1
                try:
                    ask(url, target, 60)
                except urllib.error.HTTPError as fault:
                    faults.append(f"{panel['title']}: {fault.read().decode()[:200]}")
    print(f"{count} queries")
    if faults or count < 40:
        sys.exit("\n".join(faults) or "there are too few queries")


def legend(target, labels):
    text = target["legendFormat"]
    for name, value in labels.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def unit(value, name):
    """A value as Grafana writes it in this unit, or nearly."""
    if name == "currencyUSD":
        return f"${value:,.2f}"
    if name == "percentunit":
        return f"{value * 100:.3g}%"
    if name == "bytes":
        power = min(4, int(math.log(abs(value), 1024))) if abs(value) >= 1 else 0
        return f"{value / 1024**power:.3g} {['B', 'KiB', 'MiB', 'GiB', 'TiB'][power]}"
    if name == "ms":
        return f"{value / 1000:.3g} s" if abs(value) >= 1000 else f"{value:.3g} ms"
    if name == "short" and abs(value) >= 1000:
        return f"{value / 1000:.3g} K"
    words = {"reqps": " req/s", "cps": " /s", "s": " s", "percent": "%", "short": ""}
    return f"{value:.3g}{words.get(name, name.removeprefix('suffix:'))}"


def draw_lines(axes, panel, url, seconds):
    from matplotlib.ticker import MultipleLocator

    name = panel["fieldConfig"]["defaults"]["unit"]
    stacked = "stacking" in panel["fieldConfig"]["defaults"].get("custom", {})
    series = [(legend(t, labels), points) for t in panel["targets"] for labels, points in ask(url, t, seconds)]
    floor = {}
    for number, (label, points) in enumerate(series):
        color = f"C{number % 10}"
        times = [t / 60 for t, _ in points]
        values = [0 if math.isnan(v) and stacked else v for _, v in points]
        if stacked:
            low = [floor.get(round(t * 60), 0) for t in times]
            values = [a + b for a, b in zip(low, values)]
            floor.update({round(t * 60): v for t, v in zip(times, values)})
            axes.fill_between(times, low, values, alpha=0.4, linewidth=0, color=color)
        axes.plot(times, values, linewidth=1, label=label, color=color)
    if panel["fieldConfig"]["defaults"].get("min") == 0:
        axes.set_ylim(bottom=0)
        if not any(v for _, points in series for _, v in points):
            axes.set_ylim(top=1)
    logarithmic = panel["fieldConfig"]["defaults"].get("custom", {}).get("scaleDistribution")
    if logarithmic:
        axes.set_yscale("symlog", base=logarithmic["log"])
    elif name == "bytes" and axes.get_ylim()[1] > 16:
        axes.yaxis.set_major_locator(MultipleLocator(2 ** math.ceil(math.log2(axes.get_ylim()[1] / 6))))
    axes.yaxis.set_major_formatter(lambda value, _: unit(value, name))
    axes.set_xlim(-seconds / 60, 0)
    if series:
        axes.legend(fontsize=6, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncol=3, frameon=False)
    else:
        axes.text(0.5, 0.5, "No data", transform=axes.transAxes, ha="center", color="gray")


def draw_heatmap(axes, panel, url, seconds):
    found = ask(url, panel["targets"][0], seconds)
    found = sorted(((float(labels["le"]), points) for labels, points in found), key=lambda it: it[0])
    below, cells, names = {}, [], []
    for bound, points in found:
        cells.append([max(0, v - below.get(round(t), 0)) for t, v in points])
        below = {round(t): v for t, v in points}
        names.append("more" if math.isinf(bound) else unit(bound, "ms"))
    if cells:
        width = min(len(cell) for cell in cells)
        axes.imshow([c[-width:] for c in cells], aspect="auto", origin="lower", cmap="Oranges",
                    extent=(found[0][1][0][0] / 60, 0, 0, len(cells)))
        axes.set_yticks([i + 0.5 for i in range(0, len(cells), 3)], names[::3])


def draw_number(axes, panel, url, seconds):
    defaults = panel["fieldConfig"]["defaults"]
    values = [points[-1][1] for _, points in ask(url, panel["targets"][0], seconds)]
    axes.axis("off")
    text = unit(values[0], defaults["unit"]) if values else "No data"
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=26)


def draw(url, minutes, folder):
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    kinds = {"timeseries": draw_lines, "heatmap": draw_heatmap, "stat": draw_number}
    for title, panels in rows():
        lines = math.ceil(len(panels) / 3)
        figure, grid = pyplot.subplots(lines, 3, figsize=(13, 3 * lines), dpi=76, layout="constrained", squeeze=False)
        for axes, panel in zip(grid.flat, panels):
            axes.set_title(panel["title"], fontsize=9, loc="left", fontweight="bold")
            axes.tick_params(labelsize=7)
            axes.grid(alpha=0.2)
            kinds[panel["type"]](axes, panel, url, minutes * 60)
        figure.suptitle(f"{title} (time in minutes)", fontsize=10, x=0.01, ha="left")
        figure.savefig(f"{folder}/dashboard-{title.lower()}.png")
        pyplot.close(figure)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        check(sys.argv[2])
    elif len(sys.argv) == 4:
        draw(sys.argv[1], float(sys.argv[2]), sys.argv[3])
    else:
        sys.exit(__doc__)
