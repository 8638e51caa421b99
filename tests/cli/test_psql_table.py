"""Tables as psql draws them: what it printed for these rows is copied here."""

from celadon.cli.terminal.psql_table import drawn


def test_numbers_are_to_the_right_and_titles_in_the_middle() -> None:
    rows = [["1", "x", None, "12.5"], ["12345678", "longer", "n", "3"]]
    assert drawn(["a", "some_name", "n", "num"], rows, [True, False, False, True]) == (
        "    a     | some_name | n | num  \n"
        "----------+-----------+---+------\n"
        "        1 | x         |   | 12.5\n"
        " 12345678 | longer    | n |    3\n"
        "(2 rows)\n"
    )


def test_lines_of_a_cell_go_on_and_no_terminal_is_given_orders() -> None:
    rows = [["two\nlines\tof\x01 \x1b[31mtext\r", "last\nlines"], ["one", "x "]]
    assert drawn(["q", "l"], rows, [False, False]) == (
        "               q               |   l   \n"
        "-------------------------------+-------\n"
        " two                          +| last +\n"
        " lines   of\\x01 \\x1B[31mtext\\r | lines\n"
        " one                           | x \n"
        "(2 rows)\n"
    )


def test_where_nothing_is_left_nothing_is_padded() -> None:
    assert drawn(["x", "yyy"], [["a\nb", "5"]], [False, True]) == (" x | yyy \n---+-----\n a+|   5\n b | \n(1 row)\n")
    assert drawn(["a"], [], [True]) == " a \n---\n(0 rows)\n"
