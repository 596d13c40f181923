"""What of a requirements.txt the server installs, and what is the job's own."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.environments.requirements import decoded, flattened, needs_network, parse


def test_only_what_matters_is_kept() -> None:
    text = (
        "# tools\n\n"
        + "zebra>=1,<2  # why\r\nalpha[x,y]==1.0; python_version < '3.13'\n  beta ~= 2.1 \\\n --hash=sha256:ab\n"
    )
    assert parse(text).named == (
        "alpha[x,y]==1.0; python_version < '3.13'",
        "beta ~= 2.1   --hash=sha256:ab",
        "zebra>=1,<2",
    )
    assert parse("b\na\n") == parse("a\nb # c\n\nb")


@pytest.mark.parametrize(
    "line",
    [
        "six", "six==1.17.0", "six != 1.0, >= 0.9", "six (==1.0)", "--pre", "zope.interface===1", "six==1.*",
        "--only-binary :all:",
    ],
)  # fmt: skip
def test_named_packages_are_the_servers_to_install(line: str) -> None:
    assert (parse(line).named, parse(line).own) == ((line,), ())


@pytest.mark.parametrize(
    "line",
    [
        "-r /etc/passwd", "-r other.txt", "-c /etc/passwd", "--requirement=/etc/shadow", "-e .", ".", "./six",
        "/tmp/six.whl", "six @ file:///root/six.whl", "file:///etc/passwd", "git+https://example.org/six", "six @ git+ssh://host/six",
        "-i https://${AWS_SECRET_ACCESS_KEY}.example.org", "six @ https://e.org/${HOME}", "-i file:///", "~/six",
        "--config-settings=x=y", "six ../other", "six.whl /etc/passwd", "-f /root", "six @ http://127.0.0.1/six.whl",
        "-i https://example.org/simple", "--extra-index-url=https://example.org/simple", "--find-links ./wheels",
        "six @ https://example.org/six-1-py3-none-any.whl", "-f https://example.org", "--no-index",
        "six-1.17.0-py2.py3-none-any.whl", "six-1.17.0.tar.gz", "six --hash=sha256:ab --hash=md5:x",
    ],
)  # fmt: skip
def test_what_would_use_the_servers_rights_or_network_is_the_jobs_own(line: str) -> None:
    assert (parse(f"six\n{line}\n").named, parse(f"six\n{line}\n").own) == (("six",), (line,))


def test_the_operators_index_may_be_named() -> None:
    indexes = {"UV_INDEX": "https://example.org/simple/"}
    assert parse("-i https://example.org/simple\nsix", indexes).own == ()
    assert parse("--extra-index-url https://pypi.org/simple/\nsix").own == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_of_every_editor_are_read(encoding: str) -> None:
    assert parse(decoded("six==1.16.0\r\ntoolz\r\n".encode(encoding))).named == ("six==1.16.0", "toolz")


def test_files_beside_it_are_put_in_place() -> None:
    files = {
        "deep/reqs.txt": b"-r ../base.txt\n-c limits.txt\n--requirement=more.txt\n-r gone.txt\n./pkg\n",
        "base.txt": b"six\n",
        "deep/limits.txt": b"six==1.16.0\n",
        "deep/more.txt": b"-rreqs.txt\ntoolz\n",  # a circle, which ends
    }
    found = parse(flattened("deep/reqs.txt", files.get) or "")
    assert (found.named, found.constraints) == (("six", "toolz"), ("six==1.16.0",))
    assert found.own[:2] == ("-r gone.txt", "./pkg")
    assert flattened("gone.txt", files.get) is None


@pytest.mark.parametrize(
    "line",
    ["'a' + ' ' * 500_000 + '%'", "'a==1' + ' --hash=a:b' * 50_000 + '@'", "'a;' + ' --hash=a:b' * 50_000 + '#'",
     "'a' + '-' * 500_000 + '%'", "'a[' + ' ,' * 250_000 + '%'", "'-r' + ' ' * 500_000",
     "'a' + '\\\\\\n' * 300_000 + '%'"],
)  # fmt: skip
def test_a_line_takes_no_more_time_than_it_is_long(line: str) -> None:
    code = f"line = {line}; print(parse(line).named, name_of(line))"
    code = f"from sagewright.environments.requirements import name_of, parse; {code}"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "() \n"


def test_a_file_of_very_many_lines_is_the_jobs_own() -> None:
    found = parse("six\n" * 20_000)
    assert (found.named, len(found.own)) == ((), 1)


def test_files_that_include_one_another_without_end_are_read_up_to_a_bound() -> None:
    chain = {f"{n}.txt": f"-r {n + 1}.txt\n".encode() for n in range(5000)}
    assert flattened("0.txt", chain.get) == "-r 64.txt"
    large = {f"{n}.txt": b"#" * (400 << 10) + f"\n-r {n + 1}.txt\n".encode() for n in range(9)}
    assert flattened("0.txt", large.get) == "-r 2.txt"


def test_a_package_without_wheels_becomes_the_jobs_own() -> None:
    found = parse("doc_opt==0.6\nsix\n").without("Doc.Opt")
    assert (found.named, found.own) == (("six",), ("doc_opt==0.6",))


@pytest.mark.parametrize("line", ["git+https://e.org/six", "six @ http://e.org/x.whl", "-i https://e.org/simple"])
def test_lines_that_need_a_network_are_known(line: str) -> None:
    assert needs_network(line)
    assert not any(map(needs_network, ("./six", "-e .", "six @ file:///opt/ml/code/six.whl", "docopt==0.6.2")))


@given(st.text())
def test_any_text_is_lines(text: str) -> None:
    found = parse(text)
    assert list(found.named) == sorted(set(found.named))
    assert all(line and "${" not in line for line in found.named)
