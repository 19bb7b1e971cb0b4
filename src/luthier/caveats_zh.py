"""The caveats in Chinese: what the stages write in English, in the words of a Chinese report."""

from __future__ import annotations

import re
from functools import cache

FORMS = {
    "{a} of {n} training inputs were cut to the length limit": "{n} 条训练输入中有 {a} 条因长度上限被截断",
    "{a} of {n} training answers were cut to the length limit": "{n} 条训练答案中有 {a} 条因长度上限被截断",
    "{a} of {n} test inputs were cut to the length limit": "{n} 条测试输入中有 {a} 条因长度上限被截断",
    "{a} of {n} documents were read in windows, {rows} rows in all": "{n} 篇文档中有 {a} 篇分窗口读取，共 {rows} 段",
    "{a} of {n} answers are empty": "{n} 条回答中有 {a} 条为空",
    "{a} of {n} outputs are empty and were scored as such": "{n} 条输出中有 {a} 条为空，按空文本计分",
    "not begun, or stopped before its end; the same command with --resume goes on": (
        "尚未开始，或中途停止；同一条命令加 --resume 可继续"
    ),
    "the loss rose from {a} to {b}, guessing is {c}": "损失从 {a} 升到 {b}，而随机猜测为 {c}",
    "a trained weight is not a number": "有训练参数不是数",
    "the development loss is {a} at step {b}": "第 {b} 步的开发集损失为 {a}",
    "every learning rate of the search was lost, {a} to {b} were tried": "搜索的所有学习率都发散了，试过 {a} 到 {b}",
    "degenerate: the same answer for every test row": "退化：对每条测试数据的回答都相同",
    "collapsed: {a} of {n} answers are {label}, which is right for {fair} of the rows": (
        "坍缩：{n} 条回答中有 {a} 条是 {label}，而只有 {fair} 的数据应当如此"
    ),
    "no better than always saying the commonest label: {a} right against {b}": (
        "不比总是回答最常见的标签更好：正确率 {a}，后者 {b}"
    ),
    "{a} of {n} answers are written in another script than their references": (
        "{n} 条回答中有 {a} 条与参考答案的文字不同"
    ),
    "{a} of {n} references have no word that ROUGE can see, and score 0 whatever is said": (
        "{n} 条参考答案中有 {a} 条没有 ROUGE 能识别的词，无论回答什么都得 0 分"
    ),
    "{a} of {n} references are in a script without spaces, whose sentences ROUGE takes for single words: "
    "read its figures as a lower bound": (
        "{n} 条参考答案中有 {a} 条的文字不用空格分词，ROUGE 会把整句当作一个词：其分数只是下限"
    ),
    "its test prompts differ from those of {n} other trial{s}: part of a difference may come from what was asked": (
        "它的测试提示与另外 {n} 个试验不同：差异可能部分来自提问方式"
    ),
    "the trained parameters never moved: all of the update has norm {a}": "训练参数没有变化：全部更新量的范数为 {a}",
    "dead virtual tokens: {a} of {n} are where they started": "{n} 个虚拟词元中有 {a} 个停在初始值",
    "dead virtual tokens: {a} are where they started": "有 {a} 个虚拟词元停在初始值",
    "the training loss never moved: {a} in the first fifth of the steps, {b} in the last": (
        "训练损失没有下降：前五分之一步为 {a}，最后五分之一步为 {b}"
    ),
    "the training loss rose again, from {a} to {b}: the learning rate is too high": (
        "训练损失从 {a} 回升到 {b}：学习率过高"
    ),
    "over-fitted after epoch {epoch}: the development loss rose from {a} to {b}": (
        "第 {epoch} 轮之后过拟合：开发集损失从 {a} 升到 {b}"
    ),
    "best at epoch {epoch}, later epochs were worse": "第 {epoch} 轮最好，之后变差",
    "still improving when the budget ended: {gain} on {metric} in the last epoch, "
    "so a larger budget may change its rank": (
        "预算用完时仍在进步：最后一轮 {metric} 变化 {gain}，更大的预算可能改变它的名次"
    ),
    "the chosen learning rate {a} is the highest that was searched, a better one may lie beyond": (
        "选中的学习率 {a} 是搜索范围内最大的，更好的值可能在范围之外"
    ),
    "the chosen learning rate {a} is the lowest that was searched, a better one may lie beyond": (
        "选中的学习率 {a} 是搜索范围内最小的，更好的值可能在范围之外"
    ),
    "the chosen {name}={a} is the highest that was searched, a better one may lie beyond": (
        "选中的 {name}={a} 是搜索范围内最大的，更好的值可能在范围之外"
    ),
    "the chosen {name}={a} is the lowest that was searched, a better one may lie beyond": (
        "选中的 {name}={a} 是搜索范围内最小的，更好的值可能在范围之外"
    ),
    "{a} of {n} searched learning rates diverged, from {rate} up": (
        "搜索的 {n} 个学习率中有 {a} 个发散（从 {rate} 起）"
    ),
    "{method} was lost in the search": "{method} 在搜索中发散，未被采用",
    "the learning rate was set by the user, it was not searched": "学习率由用户设定，没有搜索",
    "the {names} is the card's default, it was not searched": "{names} 用的是卡片的默认值，没有搜索",
    "the {names} are the card's defaults, they were not searched": "{names} 用的是卡片的默认值，没有搜索",
    "no probe of the search learned anything, so the card's defaults were taken": (
        "搜索中的试训都没有学到东西，因此用卡片的默认值"
    ),
    "stopped by --race at step {step} of {total}: {points} points of {metric} behind {against} at that step on "
    "{groups} development groups, e-value {e} where {threshold} is asked for ({looks} looks, {others} other trials: "
    "one that is behind at none is stopped with a chance of at most {alpha} %)": (
        "被 --race 在第 {step} 步（共 {total} 步）停止：当时在 {groups} 组开发数据上 {metric} "
        "比 {against} 低 {points} 分，"
        "e 值 {e}，要求 {threshold}（查看 {looks} 次，另有 {others} 个试验："
        "不落后于任何一个的试验被停止的概率至多 {alpha}%）"
    ),
    "--race: {metric} has no value between 0 and 1 for every row, nothing was raced": (
        "--race：{metric} 不是每条数据都有 0 到 1 之间的值，因此没有提前停止任何试验"
    ),
    "--recompute: layers were computed again for the gradient; its seconds are higher for that": (
        "--recompute：为求梯度重算了各层，用时因此更长"
    ),
    "trained {ways}, because {needed} of memory would be needed and {free} were free, of which a tenth should stay "
    "free: the same rows in every step, and more time for it{masks}": (
        "训练时{ways}，因为需要 {needed} 内存，而空闲 {free}，其中应留出十分之一：每步用的数据不变，用时更长{masks}"
    ),
    "inputs have at most {limit} tokens, because what methods learn in front needs the room": (
        "输入最多 {limit} 个词元，因为各方法在前面学习的部分需要占用位置"
    ),
    "{rows} {split} rows were asked for, there are {there}": "要求 {split} 有 {rows} 行，实际只有 {there} 行",
    "the machine is busy ({crowd} processes a core): it will take longer": (
        "机器正忙（每个核心 {crowd} 个进程）：用时会更长"
    ),
    "begun on {a} threads and gone on with where there are {b} cores: the last bits may differ": (
        "开始时用 {a} 个线程，续跑时有 {b} 个核心：末位数字可能不同"
    ),
    "a checkpoint was not whole and was passed over: {fault}": "有一个检查点不完整，已跳过：{fault}",
    "computed again: {fault}": "重新计算：{fault}",
    "{a} tensors of a pooler are not in the checkpoint: class heads read the first token": (
        "检查点中缺少池化层的 {a} 个张量：分类头直接读第一个词元"
    ),
    "{a} tensors of heads are not in the checkpoint and are not read, first {name}": (
        "检查点中缺少输出头的 {a} 个张量，它们不会被用到，第一个是 {name}"
    ),
    "the model has no place for {a} of the checkpoint's tensors, first {name}": (
        "检查点中有 {a} 个张量在模型中没有位置，未被使用，第一个是 {name}"
    ),
    "int8: each batch chooses the columns that are multiplied in 16 bits, so its rows move each other's last bits": (
        "int8：哪些列用 16 位相乘由每个批次决定，因此同批的数据会互相影响末位数字"
    ),
}
"""English -> Chinese; what is in braces is taken over."""

PARTS = {
    **{"learning rate": "学习率", " to ": " 至 ", " and ": " 和 "},
    **{"in passes of ": "分批计算（每批词元上限 ", " tokens": "）", " with layers computed again": "，并重算各层"},
    "with layers computed again": "重算各层",
    "; smaller passes draw other dropout masks": "；分批后 dropout 掩码不同",
}
"""Words inside what is taken over."""


def in_chinese(said: str) -> str:
    """The caveat in Chinese, also behind the name of whom it is about; one that is not known stays as it is."""
    for form, chinese in _forms():
        if found := form.fullmatch(said):
            return chinese.format(**{name: _part(name, text) for name, text in found.groupdict().items()})
    whose, colon, rest = said.partition(": ")
    known = in_chinese(rest) if colon else rest
    return said if known == rest else f"{whose}：{known}"


def _part(name: str, text: str) -> str:
    if name not in ("label", "fault"):  # those are of the data and of the system
        for english, chinese in PARTS.items():
            text = text.replace(english, chinese)
    return text


@cache
def _forms() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((_pattern(english), chinese) for english, chinese in FORMS.items())


def _pattern(english: str) -> re.Pattern[str]:
    pieces = re.split(r"\{(\w+)\}", english)
    return re.compile("".join(f"(?P<{p}>.*?)" if odd % 2 else re.escape(p) for odd, p in enumerate(pieces)), re.DOTALL)
