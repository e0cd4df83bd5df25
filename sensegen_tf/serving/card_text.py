"""The model card for people: Markdown."""


def render(card):
    """The text of a `ModelCard`."""
    training, heldout = (card.data["splits"][name] for name in ("training", "heldout"))
    temperatures = ", ".join(f"{value:g} ({name})" for name, value in card.temperatures.items())
    last = ", ".join(f"{name} {value:.4g}" for name, value in card.metrics.items() if name != "outer")
    return "\n".join(
        [
            f"# {card.name}",
            "",
            f"Synthetic series of {', '.join(card.channels)} ({', '.join(dict.fromkeys(card.units))}) at {card.rate:g} "
            "Hz, made by sensegen_tf. They are not recordings of anybody, and no formal guarantee of privacy is given.",
            "",
            f"- Trained on: `{card.source}`, {training['windows']} windows of {card.window_length} samples "
            f"({card.window_length / card.rate:.3g} s) of {len(training['subjects'])} people. Held out: "
            f"{heldout['windows']} windows of {len(heldout['subjects'])} people.",
            f"- Licence and citation of the recordings: {card.data['terms']}.",
            *([f"- Labels: {', '.join(f'{n} {name}' for n, name in enumerate(card.labels))}."] if card.labels else []),
            f"- Temperatures that samples have where a request asks for 1: {temperatures}.",
            f"- Last measured while training: {last}.",
            f"- Made at once: {card.block} samples. Longest series of a request: {card.max_length:,} samples.",
            f"- Versions: {', '.join(f'{name} {version}' for name, version in card.versions.items())}.",
            "",
            *_report(card),
            "## Signatures",
            "",
            "B rows, which depend on their own inputs alone; -1 is any size. Values in physical units.",
            "",
            "| signature | inputs | outputs |",
            "|---|---|---|",
            *(
                f"| `{name}` | {_tensors(each['inputs'])} | {_tensors(each['outputs'])} |"
                for name, each in card.signatures.items()
            ),
            "",
            "## Training flags",
            "",
            *(f"    --{name}={value}" for name, value in card.flags.items() if value not in (None, "", [])),
            "",
        ]
    )


def _tensors(named):
    return ", ".join(f"{name} {kind} {shape}".replace("None", "-1") for name, (kind, shape) in named.items())


def _report(card):
    """The measures of the report, where there is one."""
    if not card.report:
        return ["No report was made of its samples (`train --report`, then `export`).", ""]
    lines = ["## How good its samples are", ""]
    lines += [f"- {answer['headline']}" for answer in card.report["verdict"].values()]
    lines += ["", "| measure | against | value | 95 % interval | real people |", "|---|---|---|---|---|"]
    for score in card.report["scores"]:
        floor = "" if score["floor"] is None else f"{score['floor_low']:.3g} to {score['floor_high']:.3g}"
        lines.append(
            f"| {score['title']} | {score['against']} | {score['value']:.3g} | {score['low']:.3g} to "
            f"{score['high']:.3g} | {floor} |"
        )
    return [*lines, ""]
