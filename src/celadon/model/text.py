"""Text of others on somebody's terminal."""


def plain(text: str) -> str:
    """The text without what a terminal would act on, or would not show: escape codes first of all, and what turns the
    direction of writing; each such character becomes the replacement character.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
