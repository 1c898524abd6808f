"""The list of branches, from BRANCHES or the branches file."""

from pathlib import Path

import pytest

from include.bigmeter.branches import BRANCHES_FILE, Branch, choose_branches, load_branches, read_branches
from include.bigmeter.errors import ConfigError

NAM_PHONG = Branch("1063", "กปภ.สาขาน้ำพอง")
KRANUAN = Branch("1065", "กปภ.สาขากระนวน")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "r6_branches.csv"


def test_the_shipped_file_lists_the_22_branches_of_region_6() -> None:
    branches = read_branches(BRANCHES_FILE)
    assert len(branches) == 22
    assert {branch.code for branch in branches} >= {"1060", "1077", "1133", "1245"}
    assert Branch("1245", "กปภ.สาขาบำเหน็จณรงค์") in branches


def test_a_branch_is_shown_with_its_code_and_short_name() -> None:
    assert NAM_PHONG.label == "1063 น้ำพอง"
    assert Branch("1063", "").label == "1063"


def test_branches_in_the_environment_are_the_list_and_the_file_only_lends_names() -> None:
    branches = load_branches({"BRANCHES": "1063, 9999;1065"})
    assert branches == (NAM_PHONG, Branch("9999", ""), KRANUAN)


def test_branches_in_the_environment_need_no_file(file: Path) -> None:
    assert load_branches({"BRANCHES": "1063"}, file) == (Branch("1063", ""),)


@pytest.mark.parametrize("text", [",", "106", "10633", "106A", "1063,1063", "๑๐๖๓"])
def test_a_bad_list_in_the_environment_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="^BRANCHES: "):
        load_branches({"BRANCHES": text})


def test_a_file_from_a_spreadsheet_is_read(file: Path) -> None:
    file.write_bytes("\ufeffba_code,name\r\n 1063 ,กปภ.สาขาน้ำพอง\r\n\r\n1065\r\n".encode())
    assert load_branches({}, file) == (NAM_PHONG, Branch("1065", ""))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"ba_code,name\n", "names no branch"),
        (b"name,ba_code\nx,1063\n", "must be ba_code"),
        (b"1063,x\n", "must be ba_code"),
        (b"ba_code\n106\n", "'106' is not a branch code"),
        (b"ba_code\n1063\n1065\n1063\n", "1063 stands there 2 times"),
        ("ba_code\n1063,น้ำพอง\n".encode("cp874"), "not UTF-8"),
        (b'ba_code,name\n1063,"x\n1064,y\n', "line 3: a quote is not closed"),
        (b'ba_code,name\n1063,"x\n1064,y"\n1065,z\n', "line 3: a cell holds a line break"),
        (b'ba_code,name\n1063,"x"y\n', "line 2: a quote is not closed, or text follows it"),
        (b"ba_code,name\n1063,x\0y\n", "line 2: "),
        (b"ba_code,name\n1063,x\x1fy\n", "line 2: a cell holds a line break or a control character"),
        ("ba_code,name\n1063,x\u2028y\n".encode(), "line 2: a cell holds a line break"),
    ],
)
def test_a_bad_file_is_refused_by_its_name(file: Path, content: bytes, message: str) -> None:
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=f"^branches file r6_branches.csv: .*{message}"):
        load_branches({}, file)


def test_a_text_that_is_no_list_is_quoted_in_part_only(file: Path) -> None:
    for content in ("x" * 5000, "ba_code\n" + "1" * 5000):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            load_branches({}, file)
        assert len(str(caught.value)) < 200


def test_a_name_of_a_whole_file_is_no_open_quote(file: Path) -> None:
    file.write_text(f"ba_code,name\n1063,{'ก' * 200_000}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="line 2: a cell is longer than any name"):
        read_branches(file)


def test_a_quoted_name_may_hold_commas_and_quotes(file: Path) -> None:
    file.write_bytes(b'ba_code,name\r\n1063,"x, ""y"""\r\n1065,z\r\n')
    assert load_branches({}, file) == (Branch("1063", 'x, "y"'), Branch("1065", "z"))


@pytest.mark.parametrize("setting", ["", "1063"])
def test_a_directory_in_the_files_place_is_refused_by_its_name(file: Path, setting: str) -> None:
    file.mkdir()
    with pytest.raises(ConfigError, match=r"^branches file r6_branches.csv: cannot be read \(Is a directory\)"):
        load_branches({"BRANCHES": setting}, file)


def test_a_missing_file_is_an_error_and_not_an_empty_list(file: Path) -> None:
    with pytest.raises(ConfigError, match="not found; put it at include/r6_branches.csv or set BRANCHES"):
        load_branches({}, file)


def test_a_form_chooses_branches_once_each_and_in_the_order_of_the_list() -> None:
    branches = (NAM_PHONG, KRANUAN)
    assert choose_branches(branches, ["1065", "1063 น้ำพอง", "1065"]) == branches
    assert choose_branches(branches, ["1065"]) == (KRANUAN,)
    assert choose_branches(branches, None) == choose_branches(branches, []) == branches


@pytest.mark.parametrize("wanted", [[""], ["  "], ["1063", ""]])
def test_a_blank_entry_is_not_taken_for_all_branches(wanted: list[str]) -> None:
    with pytest.raises(ConfigError, match="^branches: an entry is blank; pick a branch, or leave the whole field"):
        choose_branches((NAM_PHONG, KRANUAN), wanted)


def test_an_unknown_branch_is_refused_by_its_code() -> None:
    with pytest.raises(ConfigError, match="^branches: 9999 not in the list"):
        choose_branches((NAM_PHONG,), ["1063", "9999"])
