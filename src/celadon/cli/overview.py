"""A bare `celadon`: the topics."""

from celadon.cli import table


def lines() -> list[str]:
    """How it is called, and what about."""
    shown = ["Usage: celadon COMMAND [--app APP] [OPTIONS]"]
    for title, topics in (("Primary", table.PRIMARY), ("Additional", table.ADDITIONAL)):
        shown += ["", f'{title} topics, more with "celadon help TOPIC":', ""]
        shown += [f"  {topic:<12} #  {about}" for topic, about in topics.items()]
    return [*shown, ""]
