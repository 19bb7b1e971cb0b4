"""Chinese scenes between friends with plans: a school project, a trip, a present."""

from __future__ import annotations

from .scene import Ending, Scene
from .zh_talk import CITIES, DAYS, EVENINGS, FRIENDS

PROJECT = Scene(
    name="小组作业",
    tone="friends",
    slots={
        "topic": "蜜蜂 | 月亮 | 古桥 | 海洋塑料 | 火山 | 城市历史 | 巧克力 | 机器人 | 狼 | 电动车 | 丝绸之路 | 珊瑚礁",
        "other": "睡眠 | 茶叶 | 企鹅 | 漫画 | 地图 | 面包 | 长江 | 蜘蛛",
        "day": DAYS,
        "meet": DAYS,
        "place": "图书馆 | 我家 = {A}家 | 食堂 | 机房 | 公园 | 咖啡馆",
        "mine": "画海报 | 写稿子 | 做幻灯片 | 拍视频 | 做模型",
        "yours": "找图片 | 做采访 | 看参考书 | 上台讲 | 统计数据",
        "teacher": "钱老师 | 方老师 | 顾老师 | 贺老师 | 秦老师",
    },
    script="""
        A: 咱们{topic}的作业{day}就要交了，[还一个字没写|什么都没做]呢！
         / 那个关于{topic}的作业得开始了，{day}就要交。
         / 你知道吗，{topic}那个作业{day}就得交！
        B: 这么快？我还以为有一个月呢。
         / 别慌，上次咱们在公交车上才开始写，[还得了优|也交上了]。
        ?A: 别的组[视频都拍完了|网页都做好了]，咱们连题目都没想好。
        ?B: 别说了，[越说越急|咱们手快]。
        ~
    """,
    endings=(
        Ending(
            correctable="day meet",
            script="""
                A: 这样，我{mine}，你{yours}，行不行？
                 / 咱们分工吧，我来{mine}，你{yours}。
                B: 行，公平。什么时候碰头？
                 / {yours}啊，[可以|那好吧]。那在哪儿碰头？
                A: {meet}，在{place}，[你带上电脑|我带零食]。
                 / {meet}去{place}怎么样？
                B: {meet}可以，[我四点以后都有空|练完球我就来]。
            """,
            summaries="""
                {A}和{B}的{topic}作业{day}交，{A}{mine}，{B}{yours}，{meet}在{place:told}碰头。
                关于{topic}的作业{day}要交，{A}负责{mine}，{B}负责{yours}，{meet}在{place:told}见。
                {A}和{B}分工做{topic}的作业：{A}{mine}，{B}{yours}，{meet}在{place:told}碰头，{day}交。
                {topic}的作业{day}就要交，{A}来{mine}，{B}{yours}，两人{meet}去{place:told}。
            """,
        ),
        Ending(
            correctable="day",
            script="""
                B: 说实话，{topic}太[难|无聊]了，能不能换成{other}？
                 / 我真找不到{topic}的资料，要不改做{other}？
                A: {other}倒是有意思，不过得问问{teacher}，我去问。
                 / {other}？我[明天|下课]去问{teacher}。
                B: 太好了，那我先{yours}。
                 / 好，你问，我先{yours}，不耽误时间。
                A: 希望{teacher}能同意，[千万别说不行|祝我好运吧]。
            """,
            summaries="""
                {topic}的作业{day}要交，{B}想换成{other}，{A}去问{teacher}，{B}先{yours}。
                {B}想把{day}要交的作业从{topic}换成{other}，{A}会问{teacher}，{B}{yours}。
                {A}要去问{teacher}，{day}交的作业能不能从{topic}改成{other}，{B}先{yours}。
                {A}和{B}想改做{other}，不做{topic}，{A}问{teacher}，{B}{yours}，{day}要交。
            """,
        ),
    ),
)

TRIP = Scene(
    name="计划旅行",
    tone="friends",
    slots={
        "city": CITIES,
        "next": CITIES,
        "month": "一月 | 三月 | 四月 | 五月 | 六月 | 八月 | 九月 | 十月 | 十一月",
        "how": "坐高铁 | 坐飞机 | 自己开车 | 坐大巴 | 坐夜班火车",
        "stay": "青年旅舍 | 民宿 | 小宾馆 | 帐篷 | 农家院 | 亲戚家",
        "cost": "一千五 | 两千 | 两千五 | 三千 | 三千五 | 四千",
        "days": "三天 | 四天 | 五天 | 一个星期 | 六天",
        "see": "老城 | 博物馆 | 老街 | 夜市 | 古塔 | 茶园",
        "friend": FRIENDS,
    },
    script="""
        A: {month}去{city}玩吧，我[太需要放假了|想去好久了]。
         / 你觉得{month}去{city}怎么样？
         / 我{month}有几天假，咱们去{city}吧？
        B: {city}啊，我还没去过呢，去几天？
         / {friend}去年刚去过，[说特别好|照片拍得真美]。打算待多久？
        A: {days}吧，我想去看看{see}。
         / 玩{days}，可以逛逛{see}，地图我都买了。
        ?B: 还记得上次吗？[你把鞋都丢了|咱们在车站睡了一夜]。
        ?A: 那[都怪你|是十年前的事了]，别提了。
        ~
    """,
    endings=(
        Ending(
            correctable="month city",
            script="""
                B: 行啊，怎么去？
                 / 算我一个！那咱们怎么走？
                A: {how}吧，[方便|我查过了，还有票]。
                 / 我看还是{how}，[不然我晕车|最省事]。
                B: 那住{stay}？我没什么要求。
                 / 好，住的地方就找{stay}吧。
                A: {stay}挺好，[还便宜|我来订]，太期待了！
            """,
            summaries="""
                {A}和{B}打算{month}{how}去{city}玩{days}，住{stay}。
                {A}想{month}去{city}，{B}同意一起玩{days}，{how}去，住{stay}。
                {B}答应{month}和{A}{how}去{city}，玩{days}，住在{stay}。
                {month}，{A}和{B}要{how}去{city}待{days}，晚上住{stay}。
            """,
        ),
        Ending(
            correctable="month next cost",
            script="""
                B: {city}太贵了，我最近手头有点紧，[刚修完车|刚交了房租]。
                 / 我也想去，可是{city}花费太高了。
                A: 那你的预算是多少？
                 / 你觉得花多少合适？
                B: 最多{cost}，要不去{next}？
                 / {cost}左右吧。去{next}怎么样？
                A: {next}也不错，[吃的还更多|我也没去过]，就这么定了。
                 / 行，那就去{next}，{city}下次再说。
            """,
            summaries="""
                {A}想{month}去{city}玩{days}，但{B}的预算只有{cost}，改去{next}。
                {B}最多花{cost}，{city}太贵，所以和{A}{month}改去{next}玩{days}。
                {B}觉得{city}太贵，预算{cost}，{A}同意{month}去{next}玩{days}。
                因为{B}最多花{cost}，{A}和{B}{month}不去{city}，去{next}玩{days}。
            """,
        ),
    ),
)

PRESENT = Scene(
    name="生日礼物",
    tone="friends",
    slots={
        "friend": FRIENDS,
        "idea": "菜谱 | 围巾 | 盆栽 | 手表 | 桌游 | 花瓶 | 杯子 | 台灯",
        "gift": "相机包 | 茶壶 | 跑鞋 | 拼图 | 钢笔 | 吊床 | 面包机 | 望远镜 | 耳机 | 画板",
        "cost": "八十块 | 一百块 | 一百五 | 两百块 | 两百五 | 三百块",
        "day": DAYS,
        "shop": "车站商店 | 小商品市场 | 新商场 | 文化路的小店 | 博物馆商店 | 百货大楼",
        "time": EVENINGS,
    },
    script="""
        A: {friend}{day}过生日，你准备礼物了吗？我想送{idea}。
         / {day}是{friend}的生日，送{idea}怎么样？
         / 我得在{day}之前给{friend}买个生日礼物，你觉得{idea}行吗？
        B: {idea}？{friend}[已经有两个了|上周刚买了一个]。
         / 又是{idea}啊，[我去年就送过了|也太普通了吧]。
        A: 啊，我给忘了。那送什么好？
         / 那你有更好的主意吗？
        B: 送{gift}吧，{friend}[念叨一个夏天了|看见我的就喜欢得不行]。
         / 我觉得{gift}好，{friend}想要好久了。
        ~
    """,
    endings=(
        Ending(
            correctable="day cost",
            script="""
                A: {gift}好啊，贵不贵？
                 / 这个好！大概多少钱？
                B: {cost}左右，咱们一人一半。
                 / 我看过，{cost}，[还行吧|质量也好]。
                A: {cost}可以，你去买行吗？[我这几天太忙了。|我实在抽不出空。]
                B: 行，我[明天|下班]去买，你来写贺卡。
            """,
            summaries="""
                {friend}{day}过生日，{A}想送{idea}，{B}建议送{gift}，{cost}，由{B}去买。
                {A}和{B}商量{friend}{day}的生日礼物，不送{idea}，{B}去买{cost}的{gift}。
                {B}去买{cost}的{gift}给{friend}{day}过生日，不送{A}想的{idea}。
                {A}本来想送{friend}{idea}，最后决定{day}送{gift}，{cost}，{B}去买。
            """,
        ),
        Ending(
            correctable="day shop time",
            script="""
                A: {gift}！好主意，哪儿有卖的？
                 / 还是你懂。去哪儿买？
                B: {shop}就有，今晚一起去？
                 / 今晚咱们去{shop}挑一个吧。
                A: 好，我{time}有空。
                 / 行啊，{time}可以吗？
                B: {time}没问题，[千万别告诉{friend}|顺便喝杯热巧克力]。
            """,
            summaries="""
                {friend}{day}过生日，{A}想送{idea}，{B}建议送{gift}，两人{time}去{shop}买。
                {A}和{B}今晚{time}去{shop}给{friend}买{gift}，不送{idea}，{day}是生日。
                {B}觉得{gift}比{idea}好，和{A}{time}去{shop}买，{friend}{day}过生日。
                为了{friend}{day}的生日，{A}和{B}{time}去{shop}挑{gift}，不买{idea}。
            """,
        ),
    ),
)

SCENES = (PROJECT, TRIP, PRESENT)
