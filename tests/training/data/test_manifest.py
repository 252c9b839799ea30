"""Manifests: what they say, and what is wrong with them, by line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_training.data import manifest
from kws_training.data.manifest import ManifestError, find_manifest, read_manifest, read_table


def write(folder, text, name="manifest.csv"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problem(path):
    with pytest.raises(ManifestError) as error:
        read_manifest(path)
    text = str(error.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


def test_rows(tmp_path):
    path = write(
        tmp_path,
        "\ufeffpath,label,speaker,room\r\n"
        './yes/1.wav,yes, anna ,"the hall, upstairs"\r\n'
        "\r\n"
        'no/2.wav,no,,"two\nlines"\r\n',
    )
    rows = read_manifest(path).rows
    assert list(rows) == ["yes/1.wav", "no/2.wav"]
    one, two = rows.values()
    assert (one.label, one.speaker, one.line) == ("yes", "anna", 2)
    assert one.columns == {"speaker": " anna ", "room": "the hall, upstairs"}
    assert (two.speaker, two.columns["room"]) == ("", "two\nlines")


def test_path_alone_is_enough(tmp_path):
    (row,) = read_manifest(write(tmp_path, "path\na.wav\n")).rows.values()
    assert (row.label, row.speaker, row.columns) == ("", "", {})


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "line 1: no column 'path' in an empty file"),
        ("file,label\na.wav,a\n", "line 1: no column 'path' in file, label"),
        ('"a\nb\x85c",label\n', "line 1: no column 'path' in a b c, label"),
        ("file;label\na.wav;a\n", "line 1: no column 'path' in file;label"),
        ("path;label\na.wav;a\nb.wav\n", "line 3: 1 fields, but line 1 names 2 columns"),
        ("path\nC:\\yes\\a.wav\n", "line 2: C:\\yes\\a.wav is absolute"),
        ("path\n\\\\server\\a.wav\n", "line 2: \\\\server\\a.wav is absolute"),
        ("path\nyes\\..\\..\\a.wav\n", "line 2: yes\\..\\..\\a.wav leaves the folder"),
        ("path,label,label\n", "line 1: two columns 'label'"),
        ("path,label\na.wav,a\nb.wav\n", "line 3: 1 fields, but line 1 names 2 columns"),
        ("path,label\na.wav,a,b\n", "line 2: 3 fields"),
        ("path\n/etc/passwd\n", "line 2: /etc/passwd is absolute"),
        ("path\na.wav\nb/../../c.wav\n", "line 3: b/../../c.wav leaves the folder"),
        ("path,label\n ,a\n", "line 2: the path is missing"),
        ("path\na\0.wav\n", "line 2: "),
        ('path\n"a\nb.wav"\n', "line 3: the path has a control character"),
        ("path\n" + "a" * 300 + ".wav\n", "line 2: the path has a name of more than 255 bytes"),
        ("path\n" + "a/" * 600 + "b\n", "line 2: the path has more than 1024 bytes"),
        (b"path\na.wav\nb\xff.wav\n", "line 3: not UTF-8"),
        ('path\n"a.wav\n', "line 2: no CSV (unexpected end of data)"),
        ('path\n"a"b.wav\n', "line 2: no CSV"),
        ("path,label\na.wav,x\n./a.wav,y\n", "line 3: a.wav is also in line 2"),
        ("path\n" + "a" * 20_000, "line 2: 'path' has more than 10000 characters"),
        ("path\n" + "a" * 200_000, "line 2: no CSV (field larger than field limit"),
        (",".join(["path", *map(str, range(100))]), "line 1: more than 100 columns"),
    ],
)
def test_what_is_wrong_is_said_by_line(tmp_path, text, what):
    assert problem(write(tmp_path, text)).startswith(what)


def test_the_same_row_twice_is_one_recording(tmp_path):
    assert len(read_manifest(write(tmp_path, "path,label\na.wav,x\na.wav,x\n")).rows) == 1


def test_bounds(tmp_path, monkeypatch):
    path = write(tmp_path, "path\na.wav\nb.wav\nc.wav\n")
    monkeypatch.setattr(manifest, "MAX_ROWS", 2)
    assert problem(path).startswith("line 4: more than 2 rows")
    monkeypatch.setattr(manifest, "MAX_BYTES", 1 << 20)
    path.write_bytes(b"path\n" + b"a\n" * (1 << 20))
    assert problem(path).startswith("larger than 1 MiB")


def test_a_file_that_cannot_be_read(tmp_path):
    assert "No such file" in problem(tmp_path / "missing.csv")
    assert "directory" in problem(tmp_path)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b"path,label\n" + content)
    try:
        rows = read_manifest(path).rows
    except ManifestError as error:
        assert "line " in str(error)
        return
    for name in rows:
        assert not name.startswith("/")
        assert ".." not in name.split("/")


def test_the_nearest_manifest_that_names_the_folder(tmp_path):
    folder = tmp_path / "a" / "b" / "c"
    (folder / "yes").mkdir(parents=True)
    assert find_manifest(folder, {}) is None
    top = write(tmp_path, "path,speaker\na/b/c/yes/1.wav,anna\n")
    write(tmp_path / "a", "path,speaker\nelsewhere/1.wav,ben\n")  # names others
    write(tmp_path / "a" / "b", "name,size\nx,1\n")  # another thing
    known = {}
    assert find_manifest(folder, known).path == top
    assert find_manifest(folder / "yes", known) is None  # four levels up
    assert find_manifest(tmp_path / "a" / "b", known).path == top
    near = write(folder, "path,speaker\nyes/1.wav,carl\n")
    assert find_manifest(folder, known).path == near


def test_a_folder_whose_name_begins_another(tmp_path):
    write(tmp_path, "path\nwords_old/yes/1.wav\n")
    (tmp_path / "words").mkdir()
    assert find_manifest(tmp_path / "words", {}) is None


def test_a_linked_folder_has_the_manifest_of_its_place(tmp_path):
    top = write(tmp_path / "real", "path\nwords/yes/1.wav\n")
    (tmp_path / "real" / "words").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "words")
    assert find_manifest(tmp_path / "link", {}).path == top


def test_a_manifest_above_that_is_wrong_is_not_passed_over(tmp_path):
    write(tmp_path, "path,speaker\nwords/../x.wav,anna\n")
    (tmp_path / "words").mkdir()
    with pytest.raises(ManifestError, match="line 2"):
        find_manifest(tmp_path / "words", {})


def test_table_of_another_kind(tmp_path):
    path = write(tmp_path, "filename,fold\na.wav,1\n", "meta.csv")
    assert list(read_table(path, ("fold",))) == [(2, {"filename": "a.wav", "fold": "1"})]
    with pytest.raises(ManifestError, match="no column 'category'"):
        list(read_table(path, ("category",)))


SAID = {"yes/1.wav": ("yes", "anna"), "no/2.wav": ("no", "ben")}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "text",
    [
        "path,label,speaker\nyes/1.wav,yes,anna\nno/2.wav,no,ben\n",
        "path;label;speaker\r\nyes/1.wav;yes;anna\r\nno/2.wav;no;ben\r\n",
        'sep=;\r\nlabel;path;speaker\r\nyes;yes/1.wav;anna\r\nno;"no/2.wav";ben\r\n',
        "path\tlabel\tspeaker\nyes/1.wav\tyes\tanna\nno/2.wav\tno\tben\n",
        "Path|Label|Speaker\nyes/1.wav|yes|anna\nno/2.wav|no|ben\n",
        "path,label,speaker\nyes\\1.wav,yes,anna\n.\\no\\2.wav,no,ben\n",
        "Path ;LABEL;Speaker\nyes\\1.wav;yes;anna\nno\\2.wav;no;ben\n",
    ],
)
def test_manifests_as_programs_write_them(tmp_path, text, encoding):
    path = write(tmp_path, text.encode(encoding))
    rows = read_manifest(path).rows
    assert {name: (row.label, row.speaker) for name, row in rows.items()} == SAID
    assert find_manifest(tmp_path, {}).rows == rows


def test_a_backslash_in_the_name_of_a_file_stays(tmp_path):
    write(tmp_path, b"x", "yes\\1.wav")
    assert list(read_manifest(write(tmp_path, "path\nyes\\1.wav\n")).rows) == ["yes\\1.wav"]


@pytest.mark.parametrize("text", ["file;speaker\n1.wav;anna\n", "", b"\xff\x00\x81\n", '"a\n'])
def test_a_manifest_that_is_not_used_is_named_once(tmp_path, text, capsys):
    path = write(tmp_path, text)
    known = {}
    assert find_manifest(tmp_path, known) is find_manifest(tmp_path, known) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"kws: {path}: is not used")


@pytest.mark.parametrize("name", ["Manifest.CSV", "manifest.tsv", "manifest.csv.txt"])
def test_a_file_that_looks_like_a_manifest_is_named_once(tmp_path, name, capsys):
    (tmp_path / "yes").mkdir()
    (tmp_path / name).write_text("path,speaker\nyes/a.wav,anna\n")
    known = {}
    assert find_manifest(tmp_path / "yes", known) is None
    assert find_manifest(tmp_path / "yes", known) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path / name}: is not used" in line
    assert "rename it to manifest.csv" in line


def test_lines_without_anything_may_come_first(tmp_path):
    (tmp_path / "manifest.csv").write_text("\n\r\npath;speaker\nyes/a.wav;anna\n")
    manifest = find_manifest(tmp_path, {})
    assert manifest.rows["yes/a.wav"].columns["speaker"] == "anna"


def test_a_manifest_in_another_encoding_is_refused_by_name(tmp_path):
    path = write(tmp_path, "path;speaker\n1.wav;Jörg\n".encode("latin-1"))
    with pytest.raises(ManifestError, match="line 2: not UTF-8"):
        find_manifest(tmp_path, {})
    assert path.exists()


def test_times_with_a_comma_for_the_point(tmp_path, capsys):
    path = write(tmp_path, "path;start;end\na.wav;0,5;1,25\nb.wav;;2\n")
    columns = [row.columns for row in read_manifest(path).rows.values()]
    assert columns == [{"start": "0.5", "end": "1.25"}, {"start": "", "end": "2"}]
    path = write(tmp_path, 'path,start,end\na.wav,"0,5",1.25\n')
    assert [row.columns["start"] for row in read_manifest(path).rows.values()] == ["0.5"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("soon;2", "start is 'soon', which is no time"),
        ("-1;2", "start is '-1'"),
        ("1;nan", "end is 'nan'"),
        ("1.000,5;2000", "start is '1.000,5'"),
        ("2;1,5", "start 2 is not before end 1.5"),
    ],
)
def test_times_that_are_none_are_named(tmp_path, row, what, capsys):
    path = write(tmp_path, f"path;start;end\na.wav;0;1\nb.wav;{row}\n")
    read_manifest(path)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"kws: {path}: line 3: {what}")
