import orjson
from tests.unit.compliance.calls import called, refused
from tests.unit.web.test_control import api, code


async def test_a_search_by_address_pages_by_cursor(tmp_path):
    async with api(tmp_path) as face:
        wanted = [(await called(face.instance, "s"))[0] for _ in range(3)][::-1]
        status, page = await face.get("auditor", "audit/search?type=request&vendor=openai&most=2")
        assert (status, page["matches"], page["is_whole"]) == (200, 3, True)
        rest = (await face.get("auditor", f"audit/search?type=request&vendor=openai&most=2&cursor={page['cursor']}"))[1]
        assert [each["index"] for each in page["entries"] + rest["entries"]] == wanted
        assert rest["cursor"] is None
        assert rest["read_index"] == page["read_index"]
        for query in (
            "subject=s",
            "unresolved=true",
            "reason=x",
            "most=x",
            "most=0",
            "since=yesterday",
            "vendor=a%20b",
        ):
            assert code(await face.get("auditor", f"audit/search?{query}"))[0] == 400, query


async def test_a_subject_is_asked_for_in_the_body_with_a_reason(tmp_path):
    async with api(tmp_path) as face:
        wanted = await refused(face.instance, "subject-1")
        status, page = await face.post("privacy", "audit/search", subject="subject-1", reason="complaint")
        assert (status, [each["index"] for each in page["entries"]]) == (200, [wanted])
        assert code(await face.post("privacy", "audit/search", subject="subject-1")) == (400, "form_invalid")
        assert b"subject-1" not in b"".join(await face.instance.headers())


async def test_text_is_searched_by_who_may_open(tmp_path):
    async with api(tmp_path) as face:
        index, _ = await called(face.instance, "s", asked="aspirin 81 mg")
        form = {"subject": "s", "text": "aspirin", "reason": "complaint"}
        status, told = await face.post("privacy", "audit/text", **form)
        assert (status, told["hits"], told["opened"]) == (200, [{"index": index, "around": "aspirin 81 mg"}], 2)
        assert code(await face.post("auditor", "audit/text", **form)) == (403, "role_not_permitted")
        assert b"aspirin" not in orjson.dumps((await face.instance.headers())[-1].decode())


async def test_an_index_that_cannot_be_read_is_said(tmp_path):
    async with api(tmp_path) as face:
        await face.instance.searcher.index.close()
        assert code(await face.get("auditor", "audit/search")) == (503, "index_unavailable")
