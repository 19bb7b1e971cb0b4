"""Chinese scenes between people on their way or at work: an interview, a late bus."""

from __future__ import annotations

from .scene import Ending, Scene
from .zh_talk import DAYS, MORNINGS

INTERVIEW = Scene(
    name="面试",
    tone="strangers",
    slots={
        "job": "厨师 | 夜班保安 | 护士 | 司机 | 店员 | 园艺师 | 网页设计师 | 前台 | 面包师 | 图书管理员 | 导游 | 会计",
        "years": "两年 | 三年 | 四年 | 五年 | 七年 | 十年",
        "past": "一家面包房 | 一家小旅馆 | 市医院 | 一家家族企业 | 一家创业公司 | 区政府 | 剧院 | 汽车厂",
        "start": "下周一 | 五月份 | 春节以后 | 九月份 | 下个月 | 明天",
        "day": DAYS,
        "time": MORNINGS,
        "pay": "五千二 | 六千 | 六千五 | 七千 | 七千八 | 八千五",
        "gap": "法语 | 急救 | 日语 | 编程 | 手语 | 摄影",
    },
    script="""
        A: 我是来应聘{job}的，[我们通过电话|我来早了吗]？
         / 我来面试{job}，[应该是跟您谈吧|约的是今天]。
        B: 请坐，先介绍一下自己吧，以前做过什么？
         / 欢迎，请坐。您有什么经验？
        A: 我在{past}干了{years}，[跟同事处得很好|学会了遇事不慌]。
         / 我有{years}的经验，一直在{past}，[还得过一次奖|换了三个老板我都在]。
        ?B: 您的老同事会怎么评价您？
        ?A: 从来不迟到，[就是爱在电梯里唱歌|就是话有点多]。
        ~
    """,
    endings=(
        Ending(
            correctable="years pay",
            script="""
                A: 我能问一下工资吗？
                 / 请问待遇怎么样？
                B: 一个月{pay}，[管一顿午饭|还有奖金]，您觉得呢？
                 / 我们开{pay}一个月，可以接受吗？
                A: {pay}可以，什么时候上班？
                 / 没问题，我什么时候能开始？
                B: {start}就来吧，[很高兴您加入|我带您认识一下大家]。
                 / 要是方便，{start}开始。
            """,
            summaries="""
                {A}在{past}干了{years}，应聘{job}成功，一个月{pay}，{start}上班。
                {B}请在{past}干了{years}的{A}当{job}，月薪{pay}，{start}开始。
                {A}来面试{job}，以前在{past}干了{years}，{B}给{pay}一个月，{start}开始。
                在{past}工作{years}的{A}得到了{job}的工作，一个月{pay}，{start}来上班。
            """,
        ),
        Ending(
            correctable="years day time",
            script="""
                B: 经验不错，不过这个岗位还要会{gap}，您会吗？
                 / 我挺满意的，就是{gap}方面，我们也有要求。
                A: {gap}我还不会，但我学得快。
                 / 这个还不行，不过我愿意学，[今年夏天就能学完|很快的]。
                B: 那这样，{day}{time}来试工一天。
                 / 好，那{day}{time}您再来试一试，行吗？
                A: {day}{time}，我一定准时到。
                 / 行，[我一定来|谢谢您给我机会]。
            """,
            summaries="""
                {A}在{past}干了{years}，应聘{job}但不会{gap}，{B}让{A}{day}{time}来试工。
                {B}要会{gap}的{job}，{A}在{past}干了{years}，{day}{time}来试一试。
                在{past}干了{years}的{A}应聘{job}，还要学{gap}，{day}{time}再来。
                {A}来面试{job}，在{past}干过{years}，{gap}还不会，{day}{time}来试工。
            """,
        ),
    ),
)

BUS = Scene(
    name="等公交",
    tone="strangers",
    slots={
        "bus": "4路车 | 12路车 | 18路车 | 27路车 | 31路车 | 56路车 | 73路车 | 90路车",
        "why": "前面出了车祸 | 车胎爆了 | 下大雪 | 有球赛 | 前面修路 | 路上倒了棵树 | 红绿灯坏了",
        "late": "二十分钟 | 半个小时 | 四十分钟 | 一个小时 | 二十五分钟 | 一刻钟",
        "goal": "机场 | 牙医诊所 | 考场 | 剧院 | 女儿的学校 | 医院 | 公司 | 码头 | 火车站",
        "other": "2号电车 | 地铁 | 9路电车 | 出租车 | 共享单车 | 8路车",
        "who": "我老板 = 老板 | 我爱人 = 爱人 | 我妈 = 妈妈 | 我弟弟 = 弟弟 | 我老师 = 老师 | 我同事 = 同事",
    },
    script="""
        A: 请问{bus}快来了吗？我要去{goal}。
         / {bus}是不是刚走？我急着去{goal}。
         / 您也在等{bus}吗？我得赶去{goal}。
        B: 晚点了，手机上说{why}，要等{late}。
         / 您还不知道吧？{why}，{bus}要晚{late}。
        A: {late}？[这么冷的天。|早知道我就走着去了。]
         / 啊，{late}！我[特意早出门的|今天还特别着急]。
        ?B: 我[昨天|周二]等得更久，[手里还提着两袋鱼|连帽子都没戴]。
        ?A: 您可真不容易。
        ~
    """,
    endings=(
        Ending(
            correctable="bus late",
            script="""
                A: 去{goal}还有别的办法吗？
                 / 那我怎么去好呢？
                B: 您坐{other}吧，[就在拐角那边|还更快呢]。
                 / 可以坐{other}，[我一般都这样|就几步路]。
                A: {other}，好主意。您一起走吗？
                 / 行，我去坐{other}，您呢？
                B: 我不着急，[在这儿看会儿书|再等等]。
            """,
            summaries="""
                因为{why}，{bus}要晚{late}，{B}建议要去{goal}的{A}坐{other}。
                {A}等{bus}去{goal}，{B}说{why}，要等{late}，{A}改坐{other}。
                {A}急着去{goal}，但{why}，{bus}晚{late}，于是去坐{other}。
                {B}告诉{A}，{why}，{bus}晚点{late}，去{goal}可以坐{other}。
            """,
        ),
        Ending(
            correctable="bus late",
            script="""
                B: 走着也能去，就是[太远了|一路都是上坡]。
                 / 打车也行，就是[太贵了|这会儿打不着]。
                A: 那我还是等吧，得给{who}打个电话……哎呀，手机没电了。
                 / 算了，我等着。可得告诉{who}一声，我手机忘家里了。
                B: 用我的手机打吧，[别客气|没关系]。
                 / 给，您用我的手机。
                A: 太谢谢了，[就一分钟|马上还您]。
            """,
            summaries="""
                因为{why}，{bus}晚{late}，{A}等车去{goal}，借{B}的手机给{who:told}打电话。
                {A}要去{goal}，{bus}因为{why}晚{late}，{B}借手机给{A}打给{who:told}。
                {why}，去{goal}的{bus}要等{late}，{A}用{B}的手机给{who:told}打电话。
                {B}说{why}，{bus}晚{late}，{A}还要去{goal}，用{B}的手机告诉{who:told}。
            """,
        ),
    ),
)

SCENES = (INTERVIEW, BUS)
