"""Look-alikes of Latin letters and of punctuation (after UTS #39), for `normalise`.

Two tables of letters: `STRONG` look alike whatever stands beside them; `LOOSE` pass for a Latin letter only inside a
word that holds real Latin ones. Letters of real Cyrillic or Greek words stay what they are: a folded word would be a
name of nobody.
"""

from typing import Final

_STRONG: Final = (
    # Cyrillic
    ("АВЕЅІЈКМНОРСТХУҮԀԚԜӀҺԌ", "ABESIJKMHOPCTXYYDQWIHG"),
    ("асеорхуіјѕһԁԛԝүӏ", "aceopxyijshdqwyl"),
    # Greek
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϿ", "ABEZHIKMNOPTYXCC"),
    ("ονϲϳ", "ovcj"),
    # Armenian, Coptic
    ("օսհոզցյՕՍՏԼ", "ouhnqgjOUSL"),
    ("ⲟⲥⲣⲭⲞⲤⲢⲦⲚⲘⲎⲔⲒ", "ocpxOCPTNMHKI"),
    # Cherokee
    ("ᎠᎡᎢᎥᎪᎫᎬᎳᎷᎻᎽᏀᏃᏟᏢᏦᏞᏙᏚᏴ", "DRTiAJEWMHYGZCPKLVSB"),
)
_LOOSE: Final = (
    ("БбВвГгЗзИиЙйКкЛлМмНнПпТтУуФфЦцЧчШшЬьЫЯяЄєҐґЁёЇї", "66BbrrEeNnNnKkJnMmHhnnttyyOoUu44WwbbIRrEerrEeIi"),
    ("αβγδεζηικλμπρστυφχωςθΔΛΠΣΩΘΦ", "abydeznikaunpotuoxwcoAAnEOOO"),
)
# Letters of the Latin script and symbols that no name is written with, in any word.
_ALWAYS: Final = (
    ("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz"),
    ("ɑɡıȷɩɐǝɔɥɯɹʇʌʍʎʞɟƒℓ℮ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ", "agijiaechmrtvwykffleBPDTGKJCZFMNLSRVHWXYAEIOU"),
    ("‘’ʼ`´“”‐‑‒–—―−﹣－∙·․⁄∕／＿‚，：⁃ꞏ⸱•", "'''''\"\"--------" + "-...///_,,:-..."),
    ("™®©", "   "),
)


def _table(*rows: tuple[str, str]) -> dict[int, str]:
    table: dict[int, str] = {}
    for odd, plain in rows:
        table |= {ord(a): b for a, b in zip(odd, plain, strict=True)}
    return table


def _circled() -> dict[int, str]:
    """Return letters in black circles and squares, and regional indicators: NFKC leaves them alone."""
    return {first + n: chr(ord("A") + n) for first in (0x1F150, 0x1F170, 0x1F1E6) for n in range(26)}


ALWAYS: Final = _table(*_ALWAYS) | _circled()
STRONG: Final = _table(*_STRONG)
LOOSE: Final = _table(*_LOOSE) | STRONG
