"""What a command says beside its result fits a terminal."""

from landscape.cli.say import NO_BREAK, say


def test_a_sentence_is_broken_at_spaces_only_and_a_long_path_stays_whole(capsys):
    path = "/a-folder/" + "of-a-long-name/" * 8 + "own.py:net"
    say(f"Measuring {'the network ' * 9}{path} as initialised, of 3{NO_BREAK}MiB.", below="  ")
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert all(len(line) <= 79 or line.strip() == path for line in lines)
    assert any(path in line for line in lines)
    assert any("3 MiB" in line for line in lines)
    assert [line.startswith("  ") for line in lines] == [False] + [True] * (len(lines) - 1)
    say(f"{'a' * 77} 3{NO_BREAK}MiB")
    assert capsys.readouterr().err == f"{'a' * 77}\n3 MiB\n"
