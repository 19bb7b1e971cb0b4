"""Chinese scenes at a counter or on the phone: ordering food, a bank card, lost luggage, seeing a doctor."""

from __future__ import annotations

from .scene import Ending, Scene
from .zh_talk import CITIES, DAYS, MORNINGS, PLACES

FOOD = Scene(
    name="点外卖",
    tone="phone",
    slots={
        "dish": "一份水煮鱼 = 水煮鱼 | 两碗牛肉面 = 牛肉面 | 一只烤鸭 = 烤鸭 | 三十个饺子 = 饺子 "
        "| 一份麻婆豆腐 = 麻婆豆腐 | 两份扬州炒饭 = 扬州炒饭 | 一份酸菜鱼 = 酸菜鱼 | 一锅羊肉汤 = 羊肉汤 "
        "| 四个肉夹馍 = 肉夹馍 | 一份宫保鸡丁 = 宫保鸡丁",
        "side": "一份凉拌黄瓜 | 一瓶酸梅汤 | 两杯豆浆 | 一份炸春卷 | 一碗银耳汤 | 一份花生米 | 两个茶叶蛋",
        "other": "一份红烧肉 | 一份糖醋排骨 | 一份番茄炒蛋 | 一份小鸡炖蘑菇 | 一份回锅肉 | 一份葱油拌面",
        "place": PLACES,
        "wait": "二十分钟 | 半个小时 | 四十分钟 | 五十分钟 | 一个小时 | 二十五分钟",
        "price": "58块 | 76块 | 93块 | 108块 | 45块",
    },
    script="""
        A: 我想[订|点]{dish}，[送到家里|要外送]。
         / 可以送餐吗？我想要{dish}。
         / 请问现在还送外卖吗？我们想吃{dish}。
        B: 可以的，还要别的吗？
         / [没问题|当然可以]。要不要再来点小菜或者喝的？
        A: 再来{side}吧，[就这些|别的不用了]。
         / 嗯，{side}，[就够了|就这样]。
        ?B: 要辣的还是不辣的？
        ?A: [微辣吧|不要辣]，家里有[孩子|老人]。
        B: [好的，|]送到哪里呢？
         / 麻烦说一下地址。
        A: {place}，[门铃坏了，到了请敲门|三楼左手边|到了打我电话就行]。
         / 送到{place}，[我在楼下等|门口有只小狗，不咬人的]。
        ~
    """,
    endings=(
        Ending(
            correctable="place side",
            script="""
                A: 大概要多久？[我们都饿坏了。|]
                 / 什么时候能送到？
                B: 大约{wait}，一共{price}。
                 / {wait}左右能到，{price}，货到付款。
                A: [行|好的]，我[付现金|扫码付]。
            """,
            summaries="""
                {A}打电话订了{dish}和{side}，{B}说{wait}左右送到{place}。
                {A}点了{dish}，加上{side}，送到{place}，大约要{wait}。
                {B}接了{A}的订单：{dish}和{side}，{wait}左右送到{place}。
                {A}想要{dish}和{side}，{B}大约{wait}后送到{place}。
            """,
        ),
        Ending(
            correctable="place side",
            script="""
                B: 哎呀，厨房刚说{dish:told}做不了了，今天卖完了。
                 / 真不好意思，{dish:told}今天已经卖完了。
                A: [太可惜了|啊，这样啊]，那有什么推荐的吗？
                 / 那还有什么好吃的？
                B: {other}怎么样？[很多客人都喜欢。|今天的特别好。]
                 / 可以试试{other}，[我自己也爱吃|还便宜一点]。
                A: [行|好吧]，那就换成{other}，{side}还要。
                 / 那就{other}吧，{side}照旧。
            """,
            summaries="""
                {A}想订{dish:told}和{side}送到{place}，但{dish:told}卖完了，换成了{other}。
                因为{dish:told}卖完了，{A}改要{other}，和{side}一起送到{place}。
                {B}说{dish:told}今天卖完了，推荐{other}，{A}同意了，还要{side}，送到{place}。
                {A}要的{dish:told}已经卖完，最后订了{other}和{side}，送到{place}。
            """,
        ),
    ),
)

CARD = Scene(
    name="银行卡",
    tone="counter",
    slots={
        "place": "超市 | 出租车上 | 游泳馆 | 火车站 | 加油站 | 电影院 | 机场 | 鞋店 | 博物馆 | 菜市场",
        "when": "今天早上 | 昨天晚上 | 昨天中午 | 一个小时前 | 前天下午 | 上周日",
        "branch": "桥头支行 | 市场旁边的支行 | 总行 | 公园支行 | 图书馆旁边的网点 | 大学城支行",
        "ready": "三天后 | 下周二 | 一周后 | 周四 | 月底 | 五天后",
        "pocket": "大衣口袋 | 车里的抽屉 | 运动包 | 一本菜谱 | 沙发缝 | 另一条裤子 | 洗衣机 | 饭盒袋",
        "spent": "四十块 | 一百二 | 六十五块 | 两百多",
    },
    script="""
        A: 我的银行卡好像{when}丢在{place}了。
         / 我要[挂失|报失]，银行卡不见了，应该是{when}掉在{place}了。
         / 麻烦帮帮我，我的银行卡找不到了，{when}在{place}还用过。
        B: [别着急|您先别急]，您在那儿刷过卡吗？
         / 最后一次是怎么用的，还记得吗？
        A: 刷过，付了{spent}，[买了点零食|给朋友买礼物]。
         / 我付了{spent}，记得明明放回去了。
        ?B: 密码有别人知道吗？
        ?A: 没有，[只有我自己知道|就我和我爱人知道]，从来没写下来过。
        ~
    """,
    endings=(
        Ending(
            correctable="place branch",
            script="""
                A: 那现在怎么办？
                 / 我该怎么办呢？
                B: 我[马上|现在就]给您冻结这张卡，别人就用不了了。
                 / 先冻结这张卡。好了，已经办好了。
                A: 那新卡怎么拿？
                 / [那就放心了。|]什么时候能拿到新卡？
                B: {ready}可以到{branch}来取，[记得带身份证|带上护照或身份证]。
                 / 新卡{ready}到{branch}取，[别忘了带身份证|要本人来]。
            """,
            summaries="""
                {A}{when}把银行卡丢在{place}了，{B}冻结了卡，新卡{ready}到{branch}取。
                {A}的银行卡{when}丢在{place}。{B}马上冻结，{A}{ready}可以到{branch}取新卡。
                {B}冻结了{A}{when}丢在{place}的卡，并告诉{A}{ready}到{branch}取新卡。
                因为银行卡{when}丢在{place}，{A}请{B}冻结，新卡{ready}在{branch}取。
            """,
        ),
        Ending(
            correctable="place",
            script="""
                B: 我可以马上冻结，再给您办张新卡，工本费十块。
                 / 那还是先冻结这张卡比较安全。
                A: 等等！我刚摸了摸{pocket}，卡就在这儿！
                 / 先别急，{pocket}里有东西……就是我的卡！
                B: 那太好了，就不用冻结了。
                 / [真是万幸。|]那就不用办新卡了。
                A: 不用了，[真不好意思|太丢人了]，给您添麻烦了。
            """,
            summaries="""
                {A}以为银行卡{when}丢在{place}了，结果在{pocket}里找到，{B}不用冻结了。
                {A}来挂失{when}丢在{place}的银行卡，后来发现卡在{pocket}里，不用办新卡。
                {B}正要冻结{A}{when}丢在{place}的卡，{A}却在{pocket}里找到了。
                {A}的卡其实在{pocket}里，不是{when}丢在{place}，所以{B}不用冻结。
            """,
        ),
    ),
)

LUGGAGE = Scene(
    name="行李丢失",
    tone="counter",
    slots={
        "bag": "黑色行李箱 | 红色背包 | 绿色运动包 | 小提琴盒 | 蓝色拉杆箱 | 棕色皮包 | 婴儿车 | 黄色旅行袋",
        "city": CITIES,
        "hotel": "海景酒店 | 长城饭店 | 春天宾馆 | 青年旅舍 | 湖边客栈 | 友谊宾馆 | 老街民宿",
        "when": "明天早上 | 今晚 | 周五之前 | 周六 | 明天中午 | 明天晚上",
        "desk": "4号柜台 | 失物招领处 | 9号登机口 | 问讯处 | 海关办公室 | 12号柜台",
        "tag": "一条白丝带 | 一张小猫贴纸 | 一个坏了的轮子 | 一张纸牌",
    },
    script="""
        A: 我从{city}飞过来，{bag}一直没出来。
         / 我的行李不见了，是个{bag}，我是从{city}来的。
         / 我等了一个小时了，从{city}来的航班，我的{bag}没到。
        B: [非常抱歉|真对不起]，能看一下您的机票吗？
        A: 给您。[我坐的是早班机。|我明天还要开会，资料都在里面。]
         / 在这儿，[衣服全在里面|药也在里面呢]。
        ?B: 行李上有什么特别的记号吗？
        ?A: 有，上面有{tag}，很好认。
        B: 请稍等，我在电脑上查一下。
        ~
    """,
    endings=(
        Ending(
            correctable="hotel",
            script="""
                A: 怎么样，查到了吗？
                 / 找到了没有？
                B: 查到了，还在{city}，没赶上飞机，下一班就送过来。
                 / 它还在{city}没装上飞机，会跟下一班过来。
                A: 那我还得再来一趟吗？我住{hotel}。
                 / [那我就放心了。|]能送到{hotel}吗？
                B: 不用您跑，我们{when}给您送去，[免费的|不收钱]。
                 / 没问题，司机{when}给您送到。
            """,
            summaries="""
                {A}的{bag}还在{city}，{B}答应{when}送到{hotel}。
                {A}来找丢失的{bag}，{B}查到它还在{city}，{when}会送到{hotel}。
                {B}查到{A}的{bag}没上飞机，还在{city}，{when}送到{hotel}。
                {A}的{bag}没从{city}运来，司机{when}会送到{hotel}。
            """,
        ),
        Ending(
            correctable="desk",
            script="""
                A: 麻烦快一点，[出租车还在等我|我女儿在外面等着]。
                B: 好消息，有位乘客拿错了，刚刚送回来。
                 / 查到了，是别的乘客拿错了，已经还回来了。
                A: 太好了，我去哪儿拿？
                 / 真的吗？现在在哪儿？
                B: 您到{desk}去取，[出示这张单子就行|就在前面拐弯]。
                 / 在{desk}，[取的时候请带上护照|您过去签个字就行]。
            """,
            summaries="""
                {A}从{city}来，{bag}被别的乘客拿错了，现在可以到{desk}去取。
                {B}告诉从{city}来的{A}，{bag}是被人拿错的，已经送回{desk}。
                从{city}飞来的{A}丢了{bag}，原来是乘客拿错了，到{desk}取就行。
                {A}的{bag}在从{city}来的航班后被拿错，{B}请{A}到{desk}去取。
            """,
        ),
    ),
)

DOCTOR = Scene(
    name="看医生",
    tone="counter",
    slots={
        "pain": "腰疼 | 咳嗽 | 左耳朵疼 | 头晕 | 膝盖肿 | 睡不着觉 | 嗓子疼 | 胃疼 | 眼睛发红 | 手腕疼 | 胳膊上起疹子",
        "since": "两天 | 一个星期 | 三个星期 | 一个月 | 十天 | 四天",
        "cure": "吃点药 | 涂点药膏 | 多喝热水多休息 | 喝点糖浆 | 滴点药水 | 做点轻松的运动 | 休息一周",
        "test": "验个血 | 拍个片子 | 查一下过敏 | 做个心电图 | 做个CT",
        "back": DAYS,
        "time": MORNINGS,
    },
    script="""
        A: 大夫，我{pain}，已经{since}了。
         / 医生，我这{since}一直{pain}。
         / 大夫，您帮我看看，我{pain}有{since}了。
        B: [嗯，我看看。|让我看一下。]最近做什么特别的事了吗？
         / 是吗？[最近压力大不大？|最近累不累？]
        A: 也没什么，就是[搬了点家具|在帐篷里睡了一晚|天天坐着上班|经常上夜班]。
         / 还好吧，就[去湖里游了一次泳|刷了刷院子的围墙]。
        ?B: 平时吃什么药吗？
        ?A: 就吃点维生素，[是我女儿买的|味道可难吃了]。
        ?B: 抽烟吗？
        ?A: [两|五|八]年前就戒了。
        ~
    """,
    endings=(
        Ending(
            correctable="since back",
            script="""
                A: 严重吗？
                 / 要紧吗？我有点担心。
                B: 不要紧，{cure}就会好的。
                 / 没什么大问题，回去{cure}，慢慢就好了。
                A: 那还要再来吗？
                 / 要是一直不好呢？
                B: 要是还不舒服，{back}再来看看。
                 / 没好的话，{back}再过来一趟。
            """,
            summaries="""
                {A}{pain}有{since}了，{B}建议{cure}，如果没好，{back}再来。
                {A}因为{pain}{since}了来看医生，{B}说不要紧，{cure}，不舒服{back}再来看看。
                {B}让{pain}{since}的{A}回去{cure}，要是还没好，{back}再来。
                {A}已经{pain}{since}，{B}说{cure}就会好，没好的话{back}再过来。
            """,
        ),
        Ending(
            correctable="since back time",
            script="""
                B: 为了保险起见，咱们{test}吧。
                 / 光这样看不出来，最好{test}。
                A: 会疼吗？现在就能做吗？
                 / 好的，什么时候做？
                B: 不[疼|麻烦]，{back}{time}您能来吗？
                 / 安排在{back}{time}，可以吗？
                A: [可以|没问题]，[来之前能吃饭吗|要带什么东西吗]？
                B: [能正常吃饭，什么都不用带。|带上医保卡就行，别的不用。]
            """,
            summaries="""
                {A}{pain}有{since}了，{B}让{A}{back}{time}来{test}。
                {A}因为{pain}{since}了来看医生，要在{back}{time}{test}。
                {B}建议{pain}{since}的{A}{test}，时间是{back}{time}。
                {A}已经{pain}{since}，{B}安排{back}{time}{test}。
            """,
        ),
    ),
)

SCENES = (FOOD, CARD, LUGGAGE, DOCTOR)
