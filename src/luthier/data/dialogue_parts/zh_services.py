"""Chinese scenes with a service: a broken laptop, concert tickets, a gym."""

from __future__ import annotations

from .scene import Ending, Scene
from .zh_talk import DAYS, EVENINGS

LAPTOP = Scene(
    name="修电脑",
    tone="counter",
    slots={
        "fault": "屏幕不亮 | 充不进电 | 键盘上洒了果汁 | 风扇特别响 | 老是自动关机 | 没有声音 | 有三个键按不动 "
        "| 连不上网",
        "part": "电池 | 屏幕 | 键盘 | 主板 | 风扇 | 电源接口 | 内存条",
        "price": "三百块 | 四百二 | 五百块 | 六百五 | 二百六 | 八百块 | 三百八",
        "ready": DAYS,
        "drive": "一个U盘 | 旧硬盘 | 网盘 | 存储卡",
        "used": "一千二 | 一千五 | 一千八 | 两千块 | 两千二 | 两千五",
        "age": "两年 | 四年 | 六年 | 九年",
    },
    script="""
        A: 我的笔记本电脑出毛病了，{fault}。
         / 您这儿能修电脑吗？我的笔记本{fault}。
         / 麻烦帮我看看这台电脑，{fault}。
        B: 我看看。这台用了多久了？
         / 哎哟，什么时候买的？
        A: 用了{age}了，[每天上班都靠它|是舅舅送我的|我写东西全用它]。
         / 买了有{age}了，一直好好的。
        ?B: 摔过没有？
        ?A: 没有！嗯……[摔过一次|大概两次]，不过是掉在地毯上。
        ~
    """,
    endings=(
        Ending(
            correctable="price ready",
            script="""
                A: 还能修好吗？
                 / 严重不严重？
                B: 能修，是{part}的问题，换一个{price}。
                 / 没事，换个{part}就行，要{price}。
                A: 行，那就换吧。什么时候能取？
                 / 好，麻烦您了。哪天来拿？
                B: {ready}来取，[我们六点关门|修好了给您发短信]。
                 / {ready}就能取，[带上这张单子|开机密码写给我一下]。
            """,
            summaries="""
                {A}的电脑{fault}，{B}说要换{part}，{price}，{ready}来取。
                {A}来修{fault}的电脑，{B}换{part}要{price}，{ready}可以取。
                {B}告诉{A}，电脑{fault}是{part}的问题，换一个{price}，{ready}取。
                因为电脑{fault}，{A}花{price}请{B}换{part}，{ready}来拿。
            """,
        ),
        Ending(
            correctable="used",
            script="""
                B: 说实话，{part}坏了，修起来比电脑还贵，不划算。
                 / 是{part}坏了，我劝您别修了，太不值。
                A: 啊？那里面的照片怎么办？
                 / 真可惜。那我的文件呢？
                B: 文件我可以帮您拷到{drive}里，[不收钱|一个小时就好]。
                 / 别担心，都能拷到{drive}里。
                A: 那就好。你们卖二手电脑吗？
                 / 行。那我还得再买一台，有便宜点的吗？
                B: 有，这台二手的{used}，[跟新的差不多|成色很好]。
                A: [可以|价钱合适]，我买了。
            """,
            summaries="""
                {A}的电脑{fault}，{part}坏了不值得修，{B}把文件拷到{drive}，{A}花{used}买了二手的。
                {B}说{part}坏了，修{fault}的电脑不划算，文件拷到{drive}里，{A}又花{used}买了一台二手的。
                因为{fault}的电脑{part}坏了不值得修，{A}让{B}把文件拷到{drive}，买了一台{used}的二手电脑。
                {A}不修{fault}的电脑了，因为{part}坏了；文件拷到{drive}，另买一台{used}的二手电脑。
            """,
        ),
    ),
)

TICKETS = Scene(
    name="演唱会门票",
    tone="counter",
    slots={
        "band": "蓝灯笼乐队 | 市交响乐团 | 纸飞机乐队 | 夜猫子乐队 | 爵士三人组 | 银狐合唱团 | 老收音机乐队 | 大鼓队",
        "count": "两张票 | 三张票 | 四张票 | 五张票 | 一张票",
        "day": DAYS,
        "next": DAYS,
        "seat": "靠近舞台的位子 | 二楼看台 | 最后一排 | 中间的位子 | 靠出口的位子 | 左边的位子",
        "price": "180块 | 220块 | 280块 | 320块 | 380块 | 450块 | 520块",
    },
    script="""
        A: 我要{count}，{day}{band}的演出。
         / {day}{band}的演出还有票吗？我要{count}。
         / 请问{band}{day}那场，能买到{count}吗？
        B: 稍等，我查一下。有会员卡吗？
         / 我看看，您带会员卡了吗？
        A: [没有|没带]，[是给我爸过生日的|朋友天天念叨这个乐队|我们还从来没看过现场]。
        ?A: 对了，入口在哪边？
        ?B: 在侧面，冰淇淋店旁边，[六点半开门|别走错了]。
        ~
    """,
    endings=(
        Ending(
            correctable="count day",
            script="""
                A: 怎么样，还有吗？
                B: 您运气真好，还有{seat}，每张{price}。
                 / 有，{seat}，{price}一张。
                A: {seat}挺好的，就要这个。[可以刷卡吗？|能扫码付吗？]
                 / {seat}也行，我要了，[总算抢到了|谢谢您]。
                B: 可以，[电子票发到您手机上|票已经出好了]。
            """,
            summaries="""
                {A}买了{day}{band}演出的{count}，{seat}，每张{price}。
                {B}卖给{A}{count}，是{band}{day}的演出，{seat}，{price}一张。
                {A}要看{band}{day}的演出，买了{count}，{seat}，{price}一张。
                {A}在{B}这里买到{band}{day}的{count}，{seat}，每张{price}。
            """,
        ),
        Ending(
            correctable="count next",
            script="""
                B: {day}那场已经卖完了，不过{band}{next}还有一场。
                 / 抱歉，{day}没票了，{next}加了一场，要不要？
                A: {next}啊，我得[请个假|看看日程]……可以的。
                 / {next}更好，[那天我正好休息|不用请假了]，就{next}吧。
                B: 每张{price}，给您订上？
                 / 好，{price}一张，现在订吗？
                A: 订吧，[谢谢|麻烦您了]。
            """,
            summaries="""
                {A}想买{day}{band}的{count}，但卖完了，改订{next}的，每张{price}。
                {band}{day}那场卖完了，{A}订了{next}的{count}，{price}一张。
                {B}说{band}{day}没票了，给{A}订了{next}的{count}，每张{price}。
                因为{day}没票，{A}改看{band}{next}那场，订了{count}，{price}一张。
            """,
        ),
    ),
)

GYM = Scene(
    name="健身房",
    tone="counter",
    slots={
        "class": "瑜伽课 | 拳击课 | 游泳课 | 舞蹈课 | 攀岩课 | 单车课 | 太极课 | 羽毛球课",
        "day": DAYS,
        "hour": EVENINGS,
        "fee": "168块 | 198块 | 238块 | 268块 | 299块 | 328块",
        "bring": "毛巾 | 室内运动鞋 | 体检报告 | 一把小锁 | 水杯 | 一张照片",
        "goal": "减减肥 | 治治腰疼 | 认识点朋友 | 准备马拉松 | 下班后活动活动",
    },
    script="""
        A: 我想了解一下你们的{class}，[是怎么安排的|能介绍一下吗]？
         / 听说你们有{class}，[什么时候上|怎么报名]？
        B: 每{day}{hour}上课，您以前学过吗？
         / {class}是每{day}{hour}，您有基础吗？
        A: 没有，我就是想{goal}，[上次运动还是上学的时候|朋友说我该动动了]。
         / 上学的时候学过一点，现在想{goal}。
        ?A: 这里有桑拿吗？
        ?B: 有，不过正在修，[下个月|四月份|夏天]才能用。
        ~
    """,
    endings=(
        Ending(
            correctable="day hour fee",
            script="""
                A: 那怎么收费？
                 / 多少钱呢？
                B: 一个月{fee}，[头一个星期免费|随时可以退]。
                 / {fee}一个月，器械也可以随便用。
                A: 还挺合适，我报名。
                 / 行，那我就报一个，在哪儿签字？
                B: 欢迎欢迎，[头一次|第一次]来记得带{bring}。
                 / 在这儿签。上课请带上{bring}。
            """,
            summaries="""
                {A}报名了每{day}{hour}的{class}，一个月{fee}，上课要带{bring}。
                {B}介绍了每{day}{hour}的{class}，{fee}一个月，{A}报了名，要带{bring}。
                {A}决定报{B}的{class}，每{day}{hour}，每月{fee}，记得带{bring}。
                {class}每{day}{hour}上，一个月{fee}，{A}报名，{B}让{A}带{bring}。
            """,
        ),
        Ending(
            correctable="day hour bring",
            script="""
                A: 我还没想好，能先试一次吗？
                 / 先不办卡，可以试上一节吗？
                B: 可以，试听一节{fee}，[办卡的话可以抵|不用签合同]。
                 / 当然，体验课一节{fee}。
                A: 行，那我先试试，要带什么？
                 / 挺合理的，需要准备什么吗？
                B: 带{bring}就行，别的我们都有。
                 / {bring}就够了，[更衣室在二楼|早十分钟来就好]。
                A: 好，那{day}见。
            """,
            summaries="""
                {A}想先试一节每{day}{hour}的{class}，{fee}一节，要带{bring}。
                {A}没想好，{day}{hour}先上一节{class}体验课，{fee}，带{bring}。
                {B}让{A}{day}{hour}先来试{class}，一节{fee}，带{bring}就行。
                {A}不急着办卡，花{fee}试一节{day}{hour}的{class}，需要带{bring}。
            """,
        ),
    ),
)

SCENES = (LAPTOP, TICKETS, GYM)
