"""Built-in data: English sentences with their Chinese translation.

A sentence is a pattern with its slots filled, the same in both languages; where words stand, and what is left out,
differs between the two as it should. Every pattern and every word has one translation, so who knows them all is always
right. What a test sentence shows anew is a combination: train, dev and test never share (pattern, slot values), whose
sha256 says which split a row belongs to. A row depends on (split, seed, position) alone.
"""

from __future__ import annotations

import random
from functools import cache

from .dialogue_parts.scene import lines, phrases, slots_of
from .draw import asked_for, fill, pick, split_by

LANGUAGES = ("en", "zh")

WORDS = """
who: my sister = 我姐姐 | the teacher = 老师 | our neighbour = 我们的邻居 | the old doctor = 那位老医生 \
| his uncle = 他叔叔 | the driver = 司机 | her cousin = 她表哥 | the cook = 厨师 | my grandfather = 我爷爷 \
| the new student = 新来的学生 | the painter = 画家 | their mother = 他们的妈妈 | the nurse = 护士 \
| a young farmer = 一个年轻的农民
other: the baker = 面包师 | my brother = 我弟弟 | the postman = 邮递员 | her aunt = 她姑姑 | the mayor = 市长 \
| the librarian = 图书管理员 | your friend = 你的朋友 | the children = 孩子们 | the singer = 歌手 | the carpenter = 木匠
thing: a red umbrella = 一把红雨伞 | two tickets = 两张票 | an old map = 一张旧地图 | a small clock = 一个小闹钟 \
| three books = 三本书 | a wooden chair = 一把木椅子 | a warm coat = 一件暖和的外套 | some apples = 一些苹果 \
| a white cup = 一个白杯子 | a heavy box = 一个很重的箱子 | a new lamp = 一盏新灯 | five eggs = 五个鸡蛋 \
| a long letter = 一封长信 | a blue scarf = 一条蓝围巾 | a bicycle = 一辆自行车 | a basket of pears = 一篮梨
place: the station = 车站 | the market = 市场 | the library = 图书馆 | the mill = 磨坊 | the school = 学校 \
| the museum = 博物馆 | the hospital = 医院 | the park = 公园 | the old bridge = 老桥 | the bakery = 面包店 \
| the harbour = 港口 | the garden = 花园 | the hotel = 旅馆
when: yesterday = 昨天 | this morning = 今天早上 | last week = 上周 | on Monday = 星期一 | in the evening = 晚上 \
| after lunch = 午饭后 | last winter = 去年冬天 | on Friday = 星期五 | before the rain = 下雨前 | at noon = 中午
soon: tomorrow = 明天 | next week = 下周 | tonight = 今晚 | on Sunday = 星期天 | next month = 下个月 \
| in an hour = 一小时后
how: by train = 坐火车 | by bus = 坐公共汽车 | on foot = 走路 | by boat = 坐船 | by taxi = 坐出租车
why: it was raining = 下雨了 | the road was closed = 路封了 | the bus was late = 公共汽车晚点了 \
| everybody was tired = 大家都累了 | it was too cold = 天太冷了 | there was no time = 没有时间了
did: sang a song = 唱了一首歌 | drank tea = 喝了茶 | washed the windows = 擦了窗户 | read the newspaper = 看了报纸 \
| slept for two hours = 睡了两个小时 | cooked noodles = 煮了面条 | watered the flowers = 浇了花
"""
"""Slot -> its values, `English = Chinese`."""

PATTERNS = """
{who} bought {thing} at {place} {when}. = {who}{when}在{place}买了{thing}。
{who} lost {thing} near {place}. = {who}在{place}附近丢了{thing}。
{who} found {thing} behind {place} {when}. = {when}，{who}在{place}后面找到了{thing}。
{who} gave {thing} to {other}. = {who}把{thing}送给了{other}。
{who} will go to {place} {how} {soon}. = {who}{soon}要{how}去{place}。
{who} met {other} at {place} {when}. = {when}，{who}在{place}遇见了{other}。
{who} did not go to {place}, because {why}. = 因为{why}，{who}没有去{place}。
because {why}, {who} stayed at {place} with {other}. = 因为{why}，{who}和{other}留在了{place}。
did {who} see {other} at {place}? = {who}在{place}看见{other}了吗？
where did {who} buy {thing} {when}? = {who}{when}是在哪里买到{thing}的？
when will {who} come back from {place} with {other}? = {who}什么时候和{other}一起从{place}回来？
{who} {did} {when}, and {other} waited at {place}. = {who}{when}{did}，{other}在{place}等着。
{who} {did} before going to {place}. = {who}去{place}之前{did}。
please tell {who} that {other} left {thing} at {place}. = 请告诉{who}，{other}把{thing}忘在{place}了。
{who} saw {thing} in front of {place} {when}. = {when}，{who}看见{place}前面有{thing}。
{who} wants to borrow {thing} from {other}. = {who}想向{other}借{thing}。
{who} is waiting for {other} at {place}. = {who}正在{place}等{other}。
{thing}, said {who}, must be at {place} {soon}. = {who}说，{thing}{soon}必须送到{place}。
"""
"""`English = Chinese`; the English side begins with a capital once it is filled."""


@cache
def words() -> dict[str, tuple[tuple[str, str], ...]]:
    """Slot -> its values as (English, Chinese)."""
    made = (line.partition(": ") for line in lines(WORDS))
    return {slot: tuple(_sides(value) for value in phrases(values)) for slot, _, values in made}


@cache
def patterns() -> tuple[tuple[str, str], ...]:
    """The patterns as (English, Chinese)."""
    return tuple(map(_sides, lines(PATTERNS)))


def sentences(split: str, rows: int, seed: int = 0) -> list[dict[str, str]]:
    """`rows` rows `{"id", "en", "zh"}`.

    Raises:
        DataError: no such split, or fewer than one row.
    """
    asked_for("sentences", split, rows)
    return [_row(split, seed, position) for position in range(rows)]


def _row(split: str, seed: int, position: int) -> dict[str, str]:
    rng = random.Random(f"sentences {split} {seed} {position}")
    while True:  # until the combination belongs to this split
        pattern = pick(rng, patterns())
        chosen = {slot: pick(rng, words()[slot]) for slot in slots_of(pattern[0])}
        if split_by(pattern[0], *(f"{slot}={value[0]}" for slot, value in chosen.items())) == split:
            break
    en, zh = (fill(pattern[i], {slot: value[i] for slot, value in chosen.items()}, rng) for i in range(len(LANGUAGES)))
    return {"id": f"en-zh-{split}-{seed}-{position}", "en": en[0].upper() + en[1:], "zh": zh}


def _sides(text: str) -> tuple[str, str]:
    en, zh = text.split(" = ")
    return en, zh
