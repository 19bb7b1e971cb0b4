"""Chinese scenes around the house: moving, noise, tools, a pet, a dinner."""

from __future__ import annotations

from .scene import Ending, Scene
from .zh_talk import DAYS, EVENINGS, FRIENDS, MORNINGS, PLACES

MOVING = Scene(
    name="搬家",
    tone="friends",
    slots={
        "day": DAYS,
        "time": MORNINGS,
        "place": PLACES,
        "heavy": "钢琴 | 沙发 | 洗衣机 | 书柜 | 大衣柜 | 冰箱 | 餐桌 | 床垫",
        "car": "面包车 | 小货车 | 三轮车 | 我爸的车 = {B}爸爸的车 | 公司的皮卡",
        "friend": FRIENDS,
        "excuse": "我膝盖还没好 = 膝盖没好 | 我要加班 = 要加班 | 我要考试 = 要考试 | 我爸妈要来 = 爸妈要来 "
        "| 我要出差 = 要出差",
        "food": "火锅 | 饺子 | 烤串 | 大盘鸡",
        "floor": "四楼 | 五楼 | 六楼 | 七楼",
    },
    script="""
        A: 我{day}要搬家，搬到{place}，你那天有空吗？
         / 跟你说个好消息，{place}的房子租下来了！我{day}搬，能来帮忙吗？
         / 想请你帮个大忙，我{day}搬到{place}，缺人手。
        B: 这么快？东西多不多？
         / 恭喜恭喜！有多少箱子？
        A: 三十来箱吧，在{floor}，没电梯，{heavy}特别沉。
         / 箱子倒不多，可是{heavy}我一个人搬不动，楼道又窄。
        ?B: 那些旧杂志你总该扔了吧？
        ?A: 哪舍得啊，[从2004年攒到现在|一本都没扔]。
        ~
    """,
    endings=(
        Ending(
            correctable="day time place",
            script="""
                B: 没问题，{heavy}我帮你抬，我再把{car}开来。
                 / 行，{heavy}咱俩一起搬，{car}我也能借来用。
                A: 太好了！{time}开始，行吗？
                 / 你真是我的救星。{time}会不会太早？
                B: {time}可以，[我多定两个闹钟|不过你得给我准备杯咖啡]。
                 / 不早，就{time}吧。[中午管饭吗？|我一准儿到。]
                A: [中午我请大家吃{food}。|搬完咱们去吃{food}。]
            """,
            summaries="""
                {A}{day}要搬到{place}，{B}{time}开{car:told}来帮忙搬{heavy}。
                {B}答应{day}{time}用{car:told}帮{A}搬家到{place}，一起抬{heavy}。
                {A}搬家到{place}，{heavy}太沉，{B}{day}{time}带{car:told}来帮忙。
                {day}{time}，{B}会用{car:told}帮{A}把{heavy}搬到{place}。
            """,
        ),
        Ending(
            correctable="day place",
            script="""
                B: {day}啊，真不巧，{excuse}，去不了。
                 / 哎呀，{day}不行，{excuse}。
                A: 没事没事，就是{heavy}不知道怎么办。
                 / 那可惜了，谁还能帮我抬{heavy}呢？
                B: 你问问{friend}，[去年我的{heavy}就是一起抬的|力气大着呢]。
                 / 找{friend}啊，[上次帮我搬{heavy}，五分钟就搞定了|最近正闲着呢]。
                A: 好主意，我[今晚|马上|吃完饭]就给{friend}打电话。
            """,
            summaries="""
                {A}{day}搬到{place}，{B}{excuse:told}不能来，建议找{friend}帮忙抬{heavy}。
                {B}{excuse:told}，{day}不能帮{A}搬家到{place}，{A}会找{friend}抬{heavy}。
                {A}{day}要搬到{place}，因为{B}{excuse:told}，{A}打算请{friend}帮忙搬{heavy}。
                因为{B}{excuse:told}，{day}去不了{place}，{A}要给{friend}打电话，请{friend}抬{heavy}。
            """,
        ),
    ),
)

NOISE = Scene(
    name="邻居噪音",
    tone="strangers",
    slots={
        "noise": "打鼓声 | 音乐声 | 狗叫声 | 电视声 | 电钻声 | 聚会的吵闹声 | 小号声 | 洗衣机声 | 拖椅子声",
        "hour": "晚上九点 | 晚上九点半 | 晚上十点 | 晚上十点半 | 晚上八点半",
        "reason": "我五点就要起床 = 五点要起床 | 我家宝宝睡不着 = 宝宝睡不着 | 我最近要考试 = 最近要考试 "
        "| 我爱人在养病 = 爱人在养病 | 我在家上班 = 在家上班 | 我刚下夜班 = 刚下夜班",
        "fix": "关好窗户 | 铺块地毯 | 搬到地下室去 | 把声音调小 | 戴上耳机 | 在门上贴层棉垫",
        "until": DAYS,
        "guest": "我表弟 = 表弟 | 我老同学 = 老同学 | 我侄子 = 侄子 | 我哥哥 = 哥哥 | 我外甥 = 外甥",
        "floor": "二楼 | 三楼 | 四楼 | 五楼",
    },
    script="""
        A: 我住{floor}，想跟您说一下您家{noise}的事，每天晚上都听得见，{reason}。
         / 我是您的邻居，您家的{noise}实在太大了，{reason}。
         / 我住隔壁，您家那个{noise}，[墙太薄了|天天都有]，{reason}，实在受不了了。
        B: 哎呀，真对不起，没想到这么吵。
         / 是吗？[从来没人跟我说过|我以为墙挺厚的]，真不好意思。
        ?A: 连[楼上的老太太|我爷爷]都听见了，老人家耳朵还不太好呢。
        ?B: 哎，这可真是……
        ~
    """,
    endings=(
        Ending(
            correctable="hour",
            script="""
                A: {hour}以后能不能安静一点？
                 / 您看，过了{hour}就别弄了，行吗？
                B: 行，{hour}以后保证安静，我再{fix}。
                 / 没问题，{hour}以后肯定没声音。我还会{fix}。
                A: 那太谢谢了，[您真好说话|这是我自己烤的饼干，您尝尝]。
                B: [谢谢您来告诉我|您太客气了]，要是还吵，您就来敲门。
            """,
            summaries="""
                {A}{reason:told}，来反映{B}家的{noise}，{B}答应{hour}以后安静，并{fix}。
                {A}受不了{B}家的{noise}，因为{reason:told}。{B}保证{hour}以后没声音，还会{fix}。
                {B}为{noise}道歉，{hour}以后会安静，还要{fix}，因为{A}{reason:told}。
                因为{reason:told}，{A}请{B}{hour}以后别再有{noise}，{B}同意，还会{fix}。
            """,
        ),
        Ending(
            correctable="until",
            script="""
                A: 那这要到什么时候？
                 / 以后不会一直这样吧？
                B: 不会不会，{guest}来住几天，{until}就走了。
                 / 就到{until}，是{guest}来玩，走了就安静了。
                A: 那这几天怎么办？
                 / 哦，这样。可今天晚上呢？
                B: 今晚我就{fix}，您放心。
                 / 我会{fix}，[改天再请您吃饭|一定不吵您]。
                A: 行，那我就[再忍几天|放心了]。
            """,
            summaries="""
                {A}{reason:told}，来说{noise}的事，{B}的{guest:told}{until}就走，这几天会{fix}。
                {B}家的{noise}是因为{guest:told}来住，{until}就走。{A}{reason:told}，{B}会先{fix}。
                {A}因为{reason:told}受不了{noise}，{B}说{guest:told}住到{until}，并答应{fix}。
                {B}告诉{reason:told}的{A}，{guest:told}{until}走了就没有{noise}，今晚先{fix}。
            """,
        ),
    ),
)

TOOLS = Scene(
    name="借工具",
    tone="friends",
    slots={
        "tool": "电钻 | 梯子 | 锯子 | 锤子 | 手推车 | 滚刷 | 工具箱 | 打磨机 | 撬棍 | 胶枪 | 水平尺",
        "job": "修书架 | 修院门 | 搭树屋 | 修旧椅子 | 补屋顶 | 装鞋柜 | 刷厨房的墙 | 做狗窝",
        "day": DAYS,
        "back": DAYS,
        "care": "擦干净 | 别弄湿 | 放回盒子里 | 锁在柜子里 | 别让孩子碰 | 戴好手套",
        "friend": FRIENDS,
        "other": "街角的五金店 | 9号楼的王叔家 | 学校后勤处 | 社区中心 | 物业",
    },
    script="""
        A: 你的{tool}{day}能借我用一下吗？我要{job}。
         / 你家还有{tool}吗？我{day}要{job}，得用一下。
         / 上次说的{job}，我打算{day}弄，想借你的{tool}。
        B: {tool}？你会用吗？
         / 你什么时候开始自己动手了？
        A: 看视频学的，[应该不难|慢慢来呗]，就是上次弄得手到现在还疼。
         / 别笑话我，买一个新的要好几百，[请师傅更贵|太不划算了]。
        ?B: 上次你可是[把水管钻漏了|砸了自己的手]。
        ?A: 那都是[好久以前|去年]的事了，就那么一回。
        ~
    """,
    endings=(
        Ending(
            correctable="day back",
            script="""
                B: 行，拿去吧，不过{back}要还给我，[我自己也要用|我还有别的事]。
                 / 可以，{back}之前还我就行。
                A: {back}没问题，有什么要注意的吗？
                 / 一定一定，还有什么要交代的？
                B: 记得{care}，[上次借的人没注意，气得我不行|那是我爷爷送的]。
                 / 就一条，{care}，[我都用了十年了|拜托了]。
                A: 放心吧，[我欠你个人情|改天请你吃饭]。
            """,
            summaries="""
                {A}{day}要{job}，向{B}借{tool}，{back}还，{B}让{A}记得{care}。
                {B}把{tool}借给{A}{day}{job}，要求{care}，{back}还回来。
                {A}向{B}借{tool}，{day}用来{job}，答应{care}，{back}归还。
                为了{day}{job}，{A}借了{B}的{tool}，要{care}，{back}还。
            """,
        ),
        Ending(
            correctable="day",
            script="""
                B: 真不巧，{tool}被{friend}借走了，[今年怕是回不来了|还没还呢]。
                 / 哎，我的{tool}在{friend}那儿，[春天|上个月]借走的，一直没还。
                A: {friend}啊，[还真是老样子|那我可等不到了]。还有哪儿能借到？
                 / 那怎么办，还有谁有吗？
                B: 去{other}问问，[人挺好的|应该花不了几个钱]。
                 / 你找{other}啊，[我以前借过|东西还挺新的]。
                A: 好，我[明天|下班]就去{other}问。
            """,
            summaries="""
                {A}{day}要{job}，想借{tool}，但被{friend}借走了，{B}让{A}去{other}问问。
                {B}的{tool}在{friend}那儿，{A}{day}要{job}，只好去{other}问。
                {A}想借{B}的{tool}{day}{job}，可是{friend}还没还，{A}打算去{other}问问。
                因为{tool}被{friend}借走了，{B}建议{day}要{job}的{A}去{other}借。
            """,
        ),
    ),
)

PET = Scene(
    name="照看宠物",
    tone="friends",
    slots={
        "pet": "猫 | 狗 | 鹦鹉 | 兔子 | 仓鼠 | 乌龟 | 金鱼 | 八哥 | 龙猫 | 刺猬",
        "from": DAYS,
        "to": DAYS,
        "why": "参加婚礼 | 出差 | 去滑雪 | 参加培训 | 回老家 | 去看外婆 | 参加比赛",
        "meal": "几片胡萝卜 | 一小碗干粮 | 半罐罐头 | 一块苹果 | 一勺瓜子 | 几片菜叶 | 一点小米",
        "key": "花盆底下 | 信箱里 | 邻居家 | 门口的鞋里 | 楼下小卖部 | 物业那儿",
        "problem": "我过敏 = 过敏 | 我那几天也不在 = 也不在家 | 我家太小了 = 家里太小 | 我有点怕它 = 有点害怕 "
        "| 房东不让养 = 房东不让养",
        "friend": FRIENDS,
        "name": "豆豆 | 可可 | 饼干 | 元宝 | 小黑",
    },
    script="""
        A: 我{from}到{to}要{why}，能帮我照看一下{pet}吗？
         / 想请你帮个忙，{from}到{to}我要{why}，家里的{pet}没人管。
         / 我{from}到{to}不在家，要{why}，{pet}能托给你吗？
        B: 是{name}吗？[好久没见了，|]还那么调皮吗？
         / 你家的{pet}啊，难不难照顾？
        A: [现在乖多了|放心]，很好带的，大部分时间都在睡觉。
         / 特别乖，[就是喜欢听收音机|不吵不闹的]，你都不用跟它说话。
        ~
    """,
    endings=(
        Ending(
            correctable="from to",
            script="""
                B: 行，交给我吧。它吃什么？
                 / 没问题，我挺喜欢它的。怎么喂？
                A: 每天喂{meal}就行，[它再要也别给|别喂多了]。
                 / {meal}，一天一次，够了。
                B: {meal}，记住了。那钥匙呢？
                 / 好，我怎么进门？
                A: 钥匙在{key}，[你直接去拿|我提前放好]。
                 / 钥匙我放在{key}了。
            """,
            summaries="""
                {A}{from}到{to}要{why}，{B}帮忙照看{pet}，每天喂{meal}，钥匙在{key}。
                {B}答应{from}到{to}照看{A}的{pet}，喂{meal}，钥匙在{key}，因为{A}要{why}。
                因为{why}，{A}请{B}{from}到{to}喂{pet}吃{meal}，钥匙放在{key}。
                {A}要{why}，{from}到{to}由{B}照看{pet}，喂{meal}，钥匙在{key}。
            """,
        ),
        Ending(
            correctable="from to",
            script="""
                B: 我倒是想帮，可是{problem}，[你也知道|真不好意思]。
                 / 哎呀，不行啊，{problem}。
                A: 哦对，我给忘了。那还能找谁呢？
                 / 理解理解。你知道还有谁合适吗？
                B: 找{friend}啊，[最喜欢小动物了|早就想养{pet}了]。
                 / 要不问问{friend}？[家里还有个院子|肯定愿意]。
                A: 对啊，{friend}！我[这就|晚上]打电话问问。
            """,
            summaries="""
                {A}{from}到{to}要{why}，想托{B}照看{pet}，但{B}{problem:told}，建议找{friend}。
                {B}{problem:told}，不能帮{A}照看{pet}，{A}{from}到{to}要{why}，会去问{friend}。
                因为{B}{problem:told}，{from}到{to}要{why}的{A}打算请{friend}照看{pet}。
                {A}{from}到{to}{why}，{pet}没人管，{B}{problem:told}，让{A}问问{friend}。
            """,
        ),
    ),
)

DINNER = Scene(
    name="请客吃饭",
    tone="friends",
    slots={
        "dish": "羊肉火锅 | 红烧鱼 | 饺子 | 烤鸭卷饼 | 咖喱鸡 | 酸菜炖排骨 | 手擀面 | 八宝饭 | 清蒸鲈鱼 | 大闸蟹",
        "day": DAYS,
        "next": DAYS,
        "time": EVENINGS,
        "not": "花生 | 香菜 | 大蒜 | 辣椒 | 鸡蛋 | 洋葱 | 芝麻",
        "bring": "水果 | 红酒 | 蛋糕 | 冰淇淋 | 凉菜 | 果汁 | 月饼",
        "busy": "合唱排练 | 要加班 | 上夜班 | 开家长会 | 踢球训练 | 去相亲",
        "guest": FRIENDS,
    },
    script="""
        A: {day}来我家吃饭吧，我做{dish}。
         / 我{day}打算做{dish}，你来不来？
         / 想不想吃{dish}？{day}我下厨，来我家吧。
        B: 哇，你的手艺我知道，还有谁来？
         / 好香的感觉。是什么特别的日子吗？还有谁？
        A: 就咱们，还有{guest}，[想试试新买的锅|好久没聚了]。
         / 没什么事，就想聚聚，我妹妹可能也来，[看火车晚不晚点|她刚放假]。
        ?B: 上次那个汤，[你把糖当成盐了|我喝了三碗]。
        ?A: 哈哈，[这回不会了|别提了]。
        ~
    """,
    endings=(
        Ending(
            correctable="day time bring",
            script="""
                B: 那我一定来。不过我不吃{not}，你记得吧？
                 / 算我一个！就是别放{not}，我吃不了。
                A: 放心，不放{not}。{time}行吗？
                 / 记着呢，没有{not}。你{time}到？
                B: {time}可以，我带点{bring}过去。
                 / 没问题，我再带上{bring}，好吧？
                A: [人来就行，还带什么{bring}|好啊，那我就不客气了]。
            """,
            summaries="""
                {A}请{B}{day}{time}来家里吃{dish}，{B}不吃{not}，会带{bring}。
                {B}{day}{time}去{A}家吃{dish}，不放{not}，{B}带{bring}过去。
                {A}{day}做{dish}，不放{not}，{B}{time}到，还会带上{bring}。
                {day}{time}，{B}带{bring}到{A}家吃没有{not}的{dish}。
            """,
        ),
        Ending(
            correctable="next",
            script="""
                B: 真可惜，{day}我{busy}，来不了。
                 / 哎呀，{day}不行，我{busy}。
                A: 那改到{next}怎么样？
                 / 没关系，{next}呢？菜可以晚点买。
                B: {next}好，我带{bring}来赔罪。
                 / 行，{next}没问题，我带上{bring}。
                A: 一言为定，{next}吃{dish}，[不见不散|你可别再变了]。
            """,
            summaries="""
                {A}请{B}{day}吃{dish}，但{B}{busy}，改到{next}，{B}会带{bring}。
                {B}{day}{busy}，不能去吃{dish}，和{A}改到{next}，{B}带{bring}。
                因为{B}{day}{busy}，{A}把吃{dish}改到{next}，{B}带上{bring}。
                {A}本来{day}做{dish}，{B}{busy}来不了，改到{next}，{B}带{bring}来。
            """,
        ),
    ),
)

SCENES = (MOVING, NOISE, TOOLS, PET, DINNER)
