"""JSON Patch on text: what is not patched stays as it is."""

import json

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.cli.validate.text_patch import apply_to_text


def _put(path: str, value: object) -> dict[str, object]:
    return {"op": "replace", "path": path, "value": value}


@pytest.mark.parametrize(
    ("text", "step", "after"),
    [
        ('{ "a" : 1 }', {"op": "replace", "path": "/a", "value": "ж"}, '{ "a" : "ж" }'),
        ('{"a": {"b":  1}}', _put("/a", [{"b": 1}]), '{"a": [{"b":  1}]}'),
        ('{"a": [ {"b":  1} ]}', _put("/a", {"b": 1}), '{"a": {"b":  1}}'),
        ('{"a": 1, "b": 2}', {"op": "remove", "path": "/a"}, '{"b": 2}'),
        ('{"a": 1, "b": 2}', {"op": "remove", "path": "/b"}, '{"a": 1}'),
        ('{"a": 1}', {"op": "remove", "path": "/a"}, "{}"),
        ('{"a": [1, 2, 3]}', {"op": "remove", "path": "/a/1"}, '{"a": [1, 3]}'),
        ('{"a": 1}', {"op": "add", "path": "/b~1c", "value": True}, '{"a": 1,"b/c": true}'),
        ('{\n  "a": 1\n}', {"op": "add", "path": "/b", "value": 2}, '{\n  "a": 1,\n  "b": 2\n}'),
        ('{"a":{}}', {"op": "add", "path": "/a/b", "value": [1]}, '{"a":{"b": [1]}}'),
        ('{"aa" : 1, "c": 2}', {"op": "move", "from": "/aa", "path": "/b"}, '{"b" : 1, "c": 2}'),
    ],
)  # fmt: skip
def test_a_step_changes_only_its_place(text: str, step: dict[str, object], after: str) -> None:
    assert apply_to_text(text, [step]) == after


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(alphabet='aж"\\/~ ', max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(alphabet="abж/~", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(alphabet="abc/~", min_size=1, max_size=2), VALUES, min_size=1)


@given(data=st.data(), resource=OBJECTS, indent=st.sampled_from([None, 1, 4]))
def test_the_text_says_what_the_patch_makes_of_it(data, resource, indent) -> None:
    key = data.draw(st.sampled_from(sorted(resource)))
    path = "/" + key.replace("~", "~0").replace("/", "~1")
    step = data.draw(
        st.sampled_from(
            [
                {"op": "remove", "path": path},
                {"op": "replace", "path": path, "value": data.draw(VALUES)},
                {"op": "add", "path": "/new", "value": data.draw(VALUES)},
                {"op": "move", "from": path, "path": "/new"},
            ]
        )
    )
    text = json.dumps(resource, indent=indent, ensure_ascii=False)
    assert json.loads(apply_to_text(text, [step])) == jsonpatch.apply_patch(resource, [step])
