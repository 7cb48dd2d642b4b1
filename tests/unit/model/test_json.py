"""Strict decoding and exact encoding (https://hl7.org/fhir/R4/json.html)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.model import FhirError, InvalidRequest, JsonLimits, TooLarge, decode_object, encode
from fhir_server.model.json import decode_stored, encode_pretty


def refused(body: bytes, limits: JsonLimits | None = None) -> str:
    with pytest.raises(FhirError) as caught:
        decode_object(body, limits or JsonLimits())
    return caught.value.issues[0].rule


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b'{"a":1,"a":2}', "json-duplicate-key"),
        (b'{"a":{"b":1,"b":1}}', "json-duplicate-key"),
        (b'{"a":1,"\\u0061":2}', "json-duplicate-key"),
        (b'{"a":1,"a":"\\u0022"}', "json-duplicate-key"),
        (b'{"a":"\\"","a":1}', "json-duplicate-key"),
        (b'{"a":NaN}', "json-not-a-number"),
        (b'{"a":-Infinity}', "json-not-a-number"),
        (b"[1]", "json-not-object"),
        (b'{"a":', "json-syntax"),
        (b"", "json-syntax"),
        (b"{'a':1}", "json-syntax"),
        (b'{"a":01}', "json-syntax"),
        (b'{"a":1,}', "json-syntax"),
        (b'{"a":"\x01"}', "json-syntax"),
        (b"\xff{}", "json-not-utf8"),
        (b"\xef\xbb\xbf{}", "json-byte-order-mark"),
        (b'{"a":"\\u0000"}', "json-nul"),
        (b'{"a":"\\ud800"}', "json-lone-surrogate"),
        (b'{"a":"\\udc00x"}', "json-lone-surrogate"),
        (b'{"\\ud800":1}', "json-lone-surrogate"),
        (b'{"a":1e31}', "json-number-too-long"),
        (b'{"a":1e-1000000}', "json-number-too-long"),
        (b'{"a":' + b"1" * 41 + b"}", "json-number-too-long"),
        (b'{"a":0.' + b"1" * 41 + b"}", "json-number-too-long"),
    ],
)
def test_text_that_must_not_be_taken_is_refused_for_its_reason(body: bytes, rule: str) -> None:
    assert refused(body) == rule


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"[1]", "array"), (b'"a"', "string"), (b"1.5", "number"), (b"true", "true/false")],
)
def test_what_is_no_object_is_called_by_its_name_in_json(body: bytes, kind: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_object(body)
    assert f"This is a JSON {kind}," in str(caught.value)


def test_a_syntax_error_has_line_and_column() -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_object(b'{\n  "a": tru\n}')
    assert (caught.value.issues[0].line, caught.value.issues[0].column) == (2, 8)


def test_depth_is_counted_in_objects_and_arrays_alike() -> None:
    def nested(levels: int) -> bytes:
        return b'{"a":' + b'[{"b":' * (levels // 2) + b"1" + b"}]" * (levels // 2) + b"}"

    assert decode_object(nested(62))["a"][0]["b"]
    assert refused(nested(64)) == "json-too-deep"


def test_brackets_in_strings_do_not_count_as_depth() -> None:
    body = b'{"a":"' + b"[{" * 100 + b'\\"", "b": "\\\\"}'
    assert decode_object(body.replace(b'\\"",', b'\\"",'))["b"] == "\\"


@pytest.mark.parametrize("inside", ["}", "}]", "\\\\", '\\"}', "{}{}"])
def test_brackets_in_strings_do_not_hide_depth(inside: str) -> None:
    level = f'{{"{inside}":'.encode()
    assert refused(level * 65 + b'"{"' + b"}" * 65) == "json-too-deep"
    assert decode_object(level * 64 + b'"{"' + b"}" * 64)


def test_a_hundred_thousand_brackets_are_refused_without_recursion() -> None:
    assert refused(b'{"a":' + b"[" * 100_000) == "json-too-deep"


def test_too_many_bytes_are_refused_before_parsing() -> None:
    with pytest.raises(TooLarge) as caught:
        decode_object(b"{" * 11, JsonLimits(max_bytes=10))
    assert caught.value.issues[0].rule == "body-too-large"


def test_a_surrogate_pair_is_one_character() -> None:
    assert decode_object(b'{"a":"\\ud83d\\ude00"}') == {"a": "\U0001f600"}


@pytest.mark.parametrize("number", ["1.0300", "0.0", "-0.00", "100", "1E+5", "1E-7", "72.50"])
def test_digits_survive_the_round_trip(number: str) -> None:
    body = f'{{"a":{number}}}'.encode()
    assert encode(decode_object(body)) == body
    assert encode(decode_stored(body)) == body


def test_pretty_text_keeps_the_digits() -> None:
    assert encode_pretty({"a": [Decimal("1.50")]}) == b'{\n  "a": [\n    1.50\n  ]\n}'


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.decimals(
        allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9
    )
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), JSON_VALUES
    )
)
def test_what_is_encoded_decodes_to_the_same_value(value: dict[str, object]) -> None:
    assert decode_object(encode(value)) == value
