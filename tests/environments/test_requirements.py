"""What of a requirements.txt the server installs, and what it must not touch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.environments.requirements import normalise


def test_only_what_matters_is_kept() -> None:
    text = (
        "# tools\n\n"
        + "zebra>=1,<2  # why\r\nalpha[x,y]==1.0; python_version < '3.13'\n  beta ~= 2.1 \\\n --hash=sha256:ab\n"
    )
    assert normalise(text) == (
        "alpha[x,y]==1.0; python_version < '3.13'",
        "beta ~= 2.1   --hash=sha256:ab",
        "zebra>=1,<2",
    )
    assert normalise("b\na\n") == normalise("a\nb # c\n\nb")


@pytest.mark.parametrize(
    "line",
    [
        "six", "six==1.17.0", "six != 1.0, >= 0.9", "six (==1.0)", "-i https://example.org/simple", "--pre",
        "--extra-index-url=https://example.org/simple", "six @ https://example.org/six-1-py3-none-any.whl",
        "zope.interface===1", "six==1.*", "--only-binary :all:",
    ],
)  # fmt: skip
def test_plain_requirements_pass(line: str) -> None:
    assert normalise(line) == (line,)


@pytest.mark.parametrize(
    "line",
    [
        "-r /etc/passwd", "-r other.txt", "-c /etc/passwd", "--requirement=/etc/shadow", "-e .", ".", "./six",
        "/tmp/six.whl", "six @ file:///root/six.whl", "file:///etc/passwd", "git+https://example.org/six", "six @ git+ssh://host/six",
        "-i https://${AWS_SECRET_ACCESS_KEY}.example.org", "six @ https://e.org/${HOME}", "-i file:///", "~/six",
        "--config-settings=x=y", "six ../other", "six.whl /etc/passwd", "-f /root",
    ],
)  # fmt: skip
def test_what_reaches_the_servers_machine_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"requirements\.txt: the line"):
        normalise(f"six\n{line}\n")


@given(st.text())
def test_any_text_is_sorted_lines_or_refused(text: str) -> None:
    try:
        lines = normalise(text)
    except ValueError:
        return
    assert list(lines) == sorted(set(lines))
    assert all(line and "${" not in line for line in lines)
