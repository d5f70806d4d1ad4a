"""Words that belong together: what a model trained on ten phrasings cannot know by itself.

Plain everyday English and the Chinese of a shop's counter, written by hand; a word may belong to
several groups. A group is a feature of the learned model beside the words themselves, so a shop
that uses a word otherwise simply teaches so. Not a list of synonyms: nothing is replaced.
"""

from __future__ import annotations

import re
from functools import cache

from zhike.search.terms import stem
from zhike.search.text import normalise

_ENGLISH = """
buy: buy purchase order get acquire shop shopping checkout
price: price cost charge fee rate amount expense expensive pay worth payment fare
cheap: cheap affordable discount sale deal bargain coupon promo promotion offer voucher low
bigamount: high expensive pricey excessive large big huge too
money: money cash dollar dollars euro euros pound pounds yen yuan buck bucks cent currency funds fund $ £ €
  usd gbp eur aud cad
currency: currency dollar dollars euro euros pound pounds yen yuan rupee peso franc usd gbp eur aud cad
  foreign exchange convert conversion rate
refund: refund reimburse reimbursement money return repay back
return: return send exchange back replace swap
cancel: cancel stop abort undo revert drop call void delete remove
remove: remove delete erase clear drop discard cancel unsubscribe rid wipe cut eliminate close terminate
  empty strike
add: add create make insert put include new append save set enter record
change: change modify edit update alter switch adjust amend correct fix reschedule move replace
broken: broken fail failed failing fails error wrong issue problem trouble declined rejected denied
  unsuccessful malfunction crash stuck faulty damaged defective bug
refuse: decline declined reject rejected refuse refused deny denied block blocked disallow fail failed
allow: allow allowed permit permitted accept accepted support supported possible able available
wait: wait waiting pending long late delay delayed slow processing yet still
howlong: long days hours weeks soon when time until duration take takes
arrive: arrive arrived arrival come came receive received delivered delivery deliver get here show appear
ship: ship shipping shipment deliver delivery send sent mail post courier parcel package track tracking
track: track tracking status locate where trace follow find
lost: lost lose missing misplaced disappeared gone vanished stolen theft missplaced left
stolen: stolen stole steal theft robbed thief mugged fraud fraudulent hacked compromised unauthorized scam
unknown: recognize recognise unknown strange unfamiliar suspicious unauthorized odd weird mysterious
card: card cards debit credit visa mastercard atm plastic
account: account accounts profile login username user membership
password: password passcode pin code passphrase login credential credentials
verify: verify verification confirm identity identification id proof prove authenticate validate check
atm: atm cash machine cashpoint withdraw withdrawal withdrew
withdraw: withdraw withdrawal withdrew withdrawn cash atm
deposit: deposit load top topup fund transfer put
transfer: transfer send wire sent transferred transferring move payment remit
bank: bank banking branch account iban swift routing
balance: balance amount total left remaining much
bill: bill bills invoice due owe payment statement receipt
loan: loan mortgage borrow lend credit debt interest apr
tax: tax taxes taxed taxation irs w2 deduction
insurance: insurance insured coverage claim policy premium
twice: twice double duplicate again two second repeat repeated multiple times
once: one single once only
time: time hour hours minute minutes clock oclock o'clock am pm a.m p.m morning afternoon evening night noon
  midnight tonight
daypart: morning afternoon evening night noon midnight tonight dawn dusk
date: date day today tomorrow yesterday tonight week weekend month year calendar
relday: today tomorrow yesterday tonight now later soon next last this
weekday: monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun weekend
  weekday mondays tuesdays wednesdays thursdays fridays saturdays sundays
month: january february march april may june july august september october november december jan feb mar apr
  jun jul aug sep oct nov dec
holiday: holiday christmas easter thanksgiving halloween new birthday anniversary vacation
number: one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty sixty
  hundred thousand million dozen half
numword: zero plus minus times divided multiplied square root sum percent percentage fraction equals number
ordinal: first second third fourth fifth last next previous
math: calculate math plus minus times multiply divide divided sum square root percent add subtract equation
  equals multiplied
person: mother father mom dad mum brother sister wife husband son daughter friend uncle aunt cousin boss
  colleague coworker parents family grandmother grandfather grandma girlfriend boyfriend kid kids child baby
boss: boss manager supervisor colleague coworker team client employee
firstname: john mary bob tom sarah mike david james alice jane joe sam peter paul mark susan anna chris
  steve jack kate lisa jim george michael robert emma jennifer
celebrity: president actor actress singer celebrity politician star obama trump
country: usa us uk america england france germany spain italy china japan india canada australia mexico
  russia brazil europe korea ireland britain sweden poland turkey egypt africa asia country abroad
city: london paris york tokyo chicago boston berlin rome dallas seattle denver atlanta miami houston vegas
  francisco angeles sydney beijing shanghai madrid moscow delhi city town village
language: english spanish french german chinese italian japanese korean russian portuguese language
  translate translation speak
translate: translate translation say mean word speak
place: place location near nearby nearest closest around area local locally vicinity here
nearby: near nearby nearest closest around close local locally vicinity here
restaurant: restaurant restaurants cafe diner bistro pizzeria eatery bar pub eat dining takeaway takeout
food: food meal dish pizza burger sushi pasta chicken beef pork fish rice bread cheese salad soup sandwich
  cake steak noodles curry taco tacos egg eggs fries spaghetti lasagna cookies lunch dinner
meal: breakfast lunch dinner supper brunch meal snack
cuisine: chinese italian indian mexican thai japanese french korean vietnamese greek
drink: coffee tea beer wine water juice milk soda drink beverage latte espresso cappuccino cup
cook: cook cooking recipe bake boil fry grill ingredient ingredients oven prepare roast make
ingredient: sugar salt butter flour milk oil egg pepper garlic onion
diet: calories calorie diet healthy nutrition protein carb carbs fat vitamin gluten vegan vegetarian
weather: weather rain raining rainy snow snowing snowy sunny cloudy storm wind windy forecast temperature
  humid humidity cold hot warm umbrella degrees jacket outside sunscreen celsius fahrenheit
temperature: temperature degrees hot cold warm cool heat thermostat celsius fahrenheit heating
clothing: jacket coat shirt shoes dress pants hat umbrella clothes clothing jeans sweater boots
music: music song songs track album playlist tune band artist singer melody radio lyrics
genre: rock jazz pop rap classical country blues metal hip hop folk reggae techno disco soul
artist: beatles adele eminem coldplay madonna beyonce queen metallica taylor swift bieber sheeran singer
  band
play: play start listen hear turn put resume begin
video: movie movies film films show tv video theater theatre cinema netflix youtube trailer
radio: radio station fm am channel frequency tune
podcast: podcast podcasts episode episodes
audiobook: audiobook book books novel chapter author read reading
game: game games play chess sudoku puzzle tic toe scrabble
sport: football soccer basketball baseball cricket tennis hockey golf nba nfl team match score
louder: volume loud louder quiet quieter mute silence silent sound lower raise increase decrease unmute
  noise
up: up increase raise higher more turn brighten louder
down: down decrease lower reduce less dim quieter
on: on activate enable start open switch turn
off: off deactivate disable stop close switch turn shut
light: light lights lamp bulb bright brightness dim brighten lighting
color: red blue green yellow white black pink purple orange color colour colors
appliance: vacuum cleaner roomba robot coffee machine oven washing dishwasher fridge heater fan socket plug
  outlet thermostat
clean: clean vacuum wash sweep dust tidy mop dirty
room: room kitchen bedroom bathroom living hall garage house home office floor
alarm: alarm alarms wake wakeup clock snooze
remind: remind reminder reminders remember notify alert notification forget
calendar: calendar event events meeting meetings appointment appointments schedule agenda party conference
meet: meeting meetings appointment interview conference call
list: list lists todo items item grocery shopping
show: show display tell give list read see view present what
find: find search look locate discover google lookup
email: email emails mail mails e-mail inbox gmail message messages subject
reply: reply respond answer write
contact: contact contacts phone number address call
phone: phone mobile cell smartphone iphone android handset telephone
call: call dial ring phone
text: text sms message texting whatsapp
social: facebook twitter tweet instagram social post status linkedin
tweet: tweet twitter post facebook status complain
news: news headline headlines article articles newspaper bbc cnn story latest happening
question: define definition mean meaning explain what's whats describe
fact: who born birthday old age tall height capital population president invented
stock: stock stocks share shares market nasdaq dow price trading
joke: joke jokes funny laugh humor tell
like: like love enjoy favorite favourite prefer great awesome good best
dislike: hate dislike bad terrible awful worst boring
recommend: recommend recommendation suggest suggestion advice ideas good best recommended
review: review reviews rating ratings rated
thanks: thanks thank appreciate thankful
greet: hello hi hey greetings morning howdy
goodbye: bye goodbye later farewell
yes: yes yeah yep sure correct right ok okay affirmative true
no: no nope not nah wrong incorrect false never
neg: not no never none don't dont doesn't doesnt didn't didnt can't cant cannot won't wont isn't isnt
  haven't havent hasn't hasnt without unable couldn't couldnt wasn't wasnt aren't arent n't nothing
maybe: maybe perhaps unsure
repeat: repeat again
you: you your yourself
bot: robot ai computer human person real bot machine
human: human person agent representative someone support service customer assistant operator
travel: travel trip flight flights fly plane airplane airline airport vacation tour visit traveling
  travelling abroad passport visa
flight: flight flights plane airplane airline airport fly boarding gate luggage baggage
train: train trains railway station rail metro subway
bus: bus buses
taxi: taxi cab uber lyft ride
car: car vehicle auto truck suv drive driving rental
ticket: ticket tickets book booking reserve reservation
book: book booking reserve reservation schedule
hotel: hotel hotels motel room rooms accommodation stay
traffic: traffic jam congestion road highway route commute
directions: directions direction route map navigate way distance far drive
gas: gas gasoline petrol fuel diesel tank
repair: repair fix service maintenance mechanic
tire: tire tires tyre wheel oil engine battery
health: doctor medicine hospital sick health pain headache flu fever cough vaccine pill pharmacy
job: job work hire salary career income wage paycheck payday
pto: vacation pto leave days holiday off
school: school university college student teacher class exam course
event: event events concert festival show exhibition happening fair party
joy: happy sad angry bored tired
age: age old young years birthday born minimum
limit: limit limits maximum minimum max min restriction restrictions cap many often
virtual: virtual disposable temporary digital online
app: app application software website site web internet online
device: device devices laptop computer tablet watch
name: name called names rename
address: address location home house street moved
direct: direct debit recurring subscription regular standing
cashback: cashback reward rewards points bonus miles
start: start begin launch open activate
stop: stop end finish quit pause halt
pause: pause stop hold
next: next skip forward
again: again repeat replay back
want: want need would wish like
can: can could may able possible
why: why reason cause explain how come
where: where location place
when: when time date
who: who person whose
howmany: many much number count
contactless: contactless tap wireless paypass nfc
apple: apple google pay samsung
salary: salary paycheck wage wages paid payday income
extra: extra additional hidden more
wrong: wrong incorrect mistake error not mistaken inaccurate
expire: expire expired expires expiration expiry renew
activate: activate activation active enable start
old: old previous former
new: new another replacement second additional
open: open create register signup sign setup start
join: join sign register enroll subscribe
gift: gift present voucher
pet: dog cat pet animal puppy
"""
_CHINESE = """
买:买 购买 下单 订购 拍下 入手
价:价格 多少钱 价钱 贵 便宜 费用 收费 要钱 报价 几块 几元
优惠:优惠 折扣 打折 活动 满减 券 红包 促销 降价 特价
发货:发货 寄出 出货 发出 配送 快递 物流 包裹 运输 发快递 送货
到:到货 到达 送到 收到 签收 几天到 多久到 没到
运费:运费 邮费 包邮 免邮 邮资
退:退货 退款 退钱 退回 退换 退掉 退还
换:换货 调换 更换 换一个 换成 换码
取消:取消 撤销 不要了 删除 删掉 去掉 注销 关闭
改:修改 更改 改成 变更 换个 调整 改一下 更新
坏:坏了 破损 质量 瑕疵 故障 损坏 有问题 碎了 裂 用不了 打不开 失败
修:维修 保修 修理 售后 质保
发票:发票 开票 抬头 税号 专票
付:付款 支付 支付宝 微信 花呗 信用卡 银行卡 分期 转账 汇款
钱:钱 元 块 余额 金额 账单 工资 人民币
账号:账号 账户 帐号 登录 密码 注册 用户名 手机号 验证码
地址:地址 收货 收件 搬家 位置 哪里 在哪
时间:时间 几点 多久 什么时候 啥时候 何时 几天 多长 小时 分钟 今天 明天 昨天 后天 早上 晚上 下午 上午 中午
日期:日期 几号 星期 周末 周一 周二 周三 周四 周五 周六 周日 月份 节日
数:一 二 三 四 五 六 七 八 九 十 百 千 万 两
人:人工 客服 真人 工作人员 老师 经理
家人:妈妈 爸爸 老婆 老公 孩子 宝宝 儿子 女儿 朋友 父母 爷爷 奶奶
不:不 没 没有 别 无法 不能 未 不可以 不会
能:能 可以 可不可以 能不能 是否 支持
怎么:怎么 如何 怎样 咋 方法 步骤
为什么:为什么 为何 为啥 怎么回事 原因
大小:尺寸 尺码 大小 码数 多大 多高 长度 宽度
色:颜色 红 蓝 绿 黑 白 黄 粉 紫 灰
材:材质 面料 成分 材料 纯棉
保险:保险 投保 理赔 保单 赔 保费 医保 社保 重疾
病:病 医院 医生 药 症状 治疗 疼 痛 发烧 感冒
吃:吃 菜 饭 餐 食物 做法 菜谱 外卖 好吃 饭店 餐厅
天气:天气 下雨 下雪 温度 气温 刮风 晴 冷 热
歌:歌 音乐 歌曲 唱 听 播放 专辑 歌手
影:电影 电视剧 视频 节目 看 演员 导演 频道 电视
打电话:打电话 拨打 呼叫 电话 联系 拨号
短信:短信 信息 消息 发送 邮件 微信
行:火车 高铁 飞机 航班 机票 车票 火车票 汽车 票
路:路线 导航 怎么走 怎么去 地图 附近 距离
城:北京 上海 广州 深圳 杭州 成都 武汉 南京 西安 重庆 天津 苏州
开:打开 开启 启动 开一下 运行
关:关闭 关掉 关上 停止 退出
大声:音量 声音 大声 小声 静音 调高 调低
提醒:提醒 闹钟 闹铃 日程 叫我 备忘
译:翻译 英语 英文 日语 怎么说
股:股票 股价 大盘 基金 行情
球:足球 篮球 比赛 球队 比分 联赛
诗:诗 古诗 诗句 作者 成语
笑:笑话 故事 段子
号:订单 单号 订单号 编号 快递单号
""".strip()


def _read(text: str) -> list[tuple[str, list[str]]]:
    rows = [line.partition(":") for line in text.replace("\n ", "").strip().splitlines()]
    return [(name, words.split()) for name, _, words in rows]


@cache
def _english() -> dict[str, tuple[str, ...]]:
    """Stem → its groups."""
    found: dict[str, list[str]] = {}
    for name, words in _read(_ENGLISH):
        for word in {stem(normalise(word)) for word in words}:
            found.setdefault(word, []).append(name)
    return {word: tuple(names) for word, names in found.items()}


@cache
def _chinese() -> tuple[re.Pattern[str], dict[str, tuple[str, ...]]]:
    """A pattern of all words, longest first, and word → its groups."""
    found: dict[str, list[str]] = {}
    for name, words in _read(_CHINESE):
        for word in words:
            found.setdefault(word, []).append(name)
    pattern = "|".join(sorted(found, key=lambda word: (-len(word), word)))
    return re.compile(pattern), {word: tuple(names) for word, names in found.items()}


_of_number = re.compile(r"\d+(am|pm|st|nd|rd|th|%)?").fullmatch


def of_word(word: str) -> tuple[str, ...]:
    """The groups of a normalised Latin word or number: bus → (bus), 3pm → (#, #pm)."""
    if word[0].isdigit():
        if word.isdigit():
            return "#", f"#{min(len(word), 6)}"
        if (number := _of_number(word)) is not None:
            return "#", f"#{number[1]}"
    return _english().get(stem(word), ())


def of_run(run: str) -> list[str]:
    """The groups spoken of in a Chinese run, left to right, with repeats."""
    pattern, groups = _chinese()
    return [name for word in pattern.findall(run) for name in groups[word]]
