"""Every mistake that a scheme document can hold: where, by which clause, what, and the remedy.

Each is made in ``documents/small.toml`` by replacing one piece of text.
"""

import tomllib
from pathlib import Path

import pytest

from ratings.rules import Problem, SchemeError, load_scheme, parse_scheme
from ratings.rules.document import SchemeDocument
from ratings.rules.translation import SAMPLES

SMALL = (Path(__file__).with_name("documents") / "small.toml").read_text(encoding="utf-8")

#: (what is wrong, text, its replacement, [(path, clause, what, remedy)])
MISTAKES: list[tuple[str, str, str, list[tuple[str, str, str, str]]]] = [
    (
        "unknown key",
        "cutoff_days = 0",
        "cutoff_days = 0\nbackground = 1",
        [
            (
                "period.background",
                "第二条",
                "不认识的键“background”。",
                "删去它；此处可用的键：cutoff_days、clause。",
            ),
        ],
    ),
    (
        "misspelt key",
        "ceiling = 0\nageing",
        "cieling = 0\nageing",
        [
            (
                "indicators[0].cieling",
                "第五条",
                "不认识的键“cieling”。",
                "是否应为 ceiling？",
            ),
        ],
    ),
    (
        "misspelt required key",
        "base_score = 100",
        "base_scor = 100",
        [
            (
                "components[0].base_scor",
                "第四条",
                "不认识的键“base_scor”。",
                "是否应为 base_score？",
            ),
        ],
    ),
    (
        "missing clause",
        '\nclause = "第四条"',
        "",
        [
            (
                "components[0].clause",
                "",
                "缺少必写的 clause。",
                '补上 clause（所依据的条款），例如 clause = "第六条第二项"。',
            ),
        ],
    ),
    (
        "missing key",
        'limit = "B"\n',
        "",
        [
            (
                "caps[0]",
                "第十条",
                "limit 与 limit_measure 须写明其一。",
                "写明最高只能评为的等级。",
            ),
        ],
    ),
    (
        "number in quotes",
        "base_score = 100",
        'base_score = "100"',
        [
            (
                "components[0].base_score",
                "第四条",
                "“100”不是数字。",
                "写成不带引号的数字，例如 12.5。",
            ),
        ],
    ),
    (
        "infinite",
        "base_score = 100",
        "base_score = inf",
        [
            (
                "components[0].base_score",
                "第四条",
                "“Infinity”不是有限的数。",
                "写一个确定的数字。",
            ),
        ],
    ),
    (
        "huge",
        "base_score = 100",
        "base_score = 1000001",
        [
            (
                "components[0].base_score",
                "第四条",
                "1000001 过大，计算可能溢出。",
                "绝对值不得超过 1000000。",
            ),
        ],
    ),
    (
        "too fine",
        "MINOR = -10",
        "MINOR = -10.0005",
        [
            (
                "indicators[0].rows[0].points.MINOR",
                "第五条第一项",
                "-10.0005 的小数位过多，分值最多 3 位小数。",
                "改为不超过 3 位小数的数。",
            ),
        ],
    ),
    (
        "too fine scalar",
        'points = -5\nclause = "第五条第三项"',
        'points = -5.00001\nclause = "第五条第三项"',
        [
            (
                "indicators[0].default.points",
                "第五条第三项",
                "-5.00001 的小数位过多，分值最多 3 位小数。",
                "改为不超过 3 位小数的数。",
            ),
        ],
    ),
    (
        "too fine percent",
        "free = 10",
        "free = 10.005",
        [
            (
                "indicators[1].free",
                "第七条",
                "10.005 的小数位过多，百分数最多 2 位小数。",
                "改为不超过 2 位小数的数。",
            ),
        ],
    ),
    (
        "too fine weight",
        "weight = 1",
        "weight = 0.33333",
        [
            (
                "components[0].weight",
                "第四条",
                "0.33333 的小数位过多，权重最多 4 位小数。",
                "改为不超过 4 位小数的数。",
            ),
            (
                "components",
                "",
                "权重之和 0.3333，应为 1。",
                "改正各分项的 weight；权重之和不为 1 时在 score.weights_sum 写明。",
            ),
        ],
    ),
    (
        "true as number",
        "step = 1",
        "step = true",
        [
            (
                "score.step",
                "第三条",
                "“true”不是数字。",
                "写成不带引号的数字，例如 12.5。",
            ),
        ],
    ),
    (
        "fraction as whole",
        "min_months = 3",
        "min_months = 2.5",
        [
            (
                "indicators[1].min_months",
                "第七条",
                "2.5 不是非负整数。",
                "写成 0、1、2 这样的整数。",
            ),
        ],
    ),
    (
        "date in quotes",
        "effective_on = 2020-01-01",
        'effective_on = "2020-01-01"',
        [
            (
                "effective_on",
                "",
                "“2020-01-01”不是日期。",
                "写成不带引号的日期，例如 2026-01-01。",
            ),
        ],
    ),
    (
        "date with time",
        "effective_on = 2020-01-01",
        "effective_on = 2020-01-01T00:00:00",
        [
            (
                "effective_on",
                "",
                "“2020-01-01 00:00:00”不是日期。",
                "写成不带引号的日期，例如 2026-01-01。",
            ),
        ],
    ),
    (
        "number as text",
        'title = "信用分"',
        "title = 5",
        [
            (
                "components[0].title",
                "第四条",
                "“5”不是文字。",
                '用英文引号括起来，例如 "A"。',
            ),
        ],
    ),
    (
        "empty text",
        'authority = "示例"',
        'authority = ""',
        [
            (
                "authority",
                "",
                "文字为空。",
                "写明内容。",
            ),
        ],
    ),
    (
        "bad id",
        'id = "credit"',
        'id = "Credit Score"',
        [
            (
                "components[0].id",
                "第四条",
                "“Credit Score”不是规范的代码。",
                "以小写英文字母开头，只用小写英文字母、数字和下划线（规则代码用连字符）。",
            ),
        ],
    ),
    (
        "version 0",
        "version = 1",
        "version = 0",
        [
            (
                "version",
                "",
                "版本号为 0。",
                "版本号从 1 开始。",
            ),
        ],
    ),
    (
        "unknown choice",
        'rounding = "half_up"',
        'rounding = "halfup"',
        [
            (
                "score.rounding",
                "第三条",
                "“halfup”不在允许的取值之列。",
                "是否应为 half_up？",
            ),
        ],
    ),
    (
        "unknown indicator kind",
        'kind = "growth"',
        'kind = "growht"',
        [
            (
                "indicators[1]",
                "第七条",
                "“growht”不是允许的 kind。",
                "是否应为 growth？",
            ),
        ],
    ),
    (
        "no indicator kind",
        'kind = "growth"\n',
        "",
        [
            (
                "indicators[1]",
                "第七条",
                "缺少必写的 kind。",
                "补上 kind，写 complaints、growth、measure、violations 之一。",
            ),
        ],
    ),
    (
        "unknown band kind",
        'by = "score"',
        'by = "scores"',
        [
            (
                "bands",
                "",
                "“scores”不是允许的 by。",
                "是否应为 score？",
            ),
        ],
    ),
    (
        "table for list",
        'legal_basis = ["示例"]',
        'legal_basis = "示例"',
        [
            (
                "legal_basis",
                "",
                "“示例”不是列表。",
                "写成 [ … ]，或用 [[…]] 分段书写。",
            ),
        ],
    ),
    (
        "value for table",
        'ageing = { shape = "linear", months = 24, clause = "第六条" }',
        'ageing = "linear"',
        [
            (
                "indicators[0].ageing",
                "第五条",
                "“linear”不是一组键值。",
                "写成 { 键 = 值, … }，或用 [ageing] 分段书写。",
            ),
        ],
    ),
    (
        "empty list",
        'kinds = ["RETURNED_DRUG"]\npoints',
        "kinds = []\npoints",
        [
            (
                "indicators[0].rows[0].kinds",
                "第五条第一项",
                "列表为空或过短。",
                "至少写 1 项。",
            ),
        ],
    ),
    (
        "bracket without bound",
        "gt = 1000, ",
        "",
        [
            (
                "indicators[0].rows[0].amounts[0]",
                "第五条第二项",
                "分档须写明 ge（达到）或 gt（超过）之一。",
                "保留 ge、gt 中的一个。",
            ),
        ],
    ),
    (
        "date implausible",
        "effective_on = 2020-01-01",
        "effective_on = 1820-01-01",
        [
            (
                "effective_on",
                "",
                "施行日期 1820-01-01 不在 2000 年至 2100 年之间。",
                "改正年份。",
            ),
        ],
    ),
    (
        "unknown kind",
        'kinds = ["RETURNED_DRUG"]\npoints',
        'kinds = ["RETURNED_DRUGS"]\npoints',
        [
            (
                "indicators[0].rows[0].kinds[0]",
                "第五条第一项",
                "没有名为“RETURNED_DRUGS”的违法违规类型。",
                "是否应为 RETURNED_DRUG？",
            ),
        ],
    ),
    (
        "kind twice in a list",
        'kinds = ["RETURNED_DRUG"]\npoints',
        'kinds = ["RETURNED_DRUG", "RETURNED_DRUG"]\npoints',
        [
            (
                "indicators[0].rows[0].kinds[1]",
                "第五条第一项",
                "“RETURNED_DRUG”在同一列表中写了两次。",
                "删去重复的。",
            ),
        ],
    ),
    (
        "kind in two rows",
        '[indicators.default]\ntitle = "其他"',
        '[[indicators.rows]]\ntitle = "又"\nkinds = ["OTHER_FRAUD", "RETURNED_DRUG"]\npoints = -1\nclause = "第五条第四项"\n\n[indicators.default]\ntitle = "其他"',
        [
            (
                "indicators[0].rows[1].kinds[1]",
                "第五条第四项",
                "“RETURNED_DRUG”已由 rows[0] 规定，同一件事会有两个分值。",
                "只在一处列出，或用 tracks 区分行政处罚与协议处理。",
            ),
        ],
    ),
    (
        "no default row",
        '[indicators.default]\ntitle = "其他"\npoints = -5\nclause = "第五条第三项"\n',
        "",
        [
            (
                "indicators[0].default",
                "第五条",
                "缺少必写的 default。",
                '补上 default（未列明的类型适用的分值），例如 default = { title = "其他", points = -5, clause = "第五条" }。',
            ),
        ],
    ),
    (
        "unknown component",
        'component = "credit"\nkind = "growth"',
        'component = "credits"\nkind = "growth"',
        [
            (
                "indicators[1].component",
                "第七条",
                "没有名为“credits”的分项。",
                "改为 credit 之一，或补写该分项。",
            ),
        ],
    ),
    (
        "unused component",
        "[[measures]]",
        '[[components]]\nid = "other"\ntitle = "又"\nbase_score = 0\nfloor = 0\nceiling = 1\nweight = 0.5\nclause = "第四条"\n\n[[measures]]',
        [
            (
                "components",
                "",
                "权重之和 1 + 0.5 = 1.5，应为 1。",
                "改正各分项的 weight；权重之和不为 1 时在 score.weights_sum 写明。",
            ),
            (
                "components[1]",
                "第四条",
                "分项“other”没有任何指标。",
                "补写属于它的指标，或删去该分项。",
            ),
        ],
    ),
    (
        "duplicate id",
        'id = "growth"',
        'id = "violations"',
        [
            (
                "indicators[1].id",
                "第七条",
                "“violations”重复。",
                "换一个不同的，或删去重复的部分。",
            ),
        ],
    ),
    (
        "duplicate grade",
        'name = "B"',
        'name = "A"',
        [
            (
                "grades[1].name",
                "",
                "“A”重复。",
                "换一个不同的，或删去重复的部分。",
            ),
            (
                "bands.rows[1].grade",
                "第十一条第二项",
                "没有名为“B”的等级。",
                "改为 A 之一。",
            ),
            (
                "caps[0].limit",
                "第十条",
                "没有名为“B”的等级。",
                "改为 A 之一。",
            ),
        ],
    ),
    (
        "rewarding violation",
        "SERIOUS = -30",
        "SERIOUS = 30",
        [
            (
                "indicators[0].rows[0].points.SERIOUS",
                "第五条第一项",
                "分值 30 会使得分变好。",
                "分数高者为好的规则中扣分写负数，例如 -6。",
            ),
        ],
    ),
    (
        "rewarding growth",
        "points_per_percent = -0.5",
        "points_per_percent = 0.5",
        [
            (
                "indicators[1].points_per_percent",
                "第七条",
                "分值 0.5 会使得分变好。",
                "分数高者为好的规则中扣分写负数，例如 -6。",
            ),
        ],
    ),
    (
        "milder bracket",
        '[{ gt = 1000, points = -5, clause = "第五条第二项" }]',
        '[{ gt = 1000, points = -5, clause = "第五条第二项" }, { gt = 500, points = -1, clause = "第五条第四项" }]',
        [
            (
                "indicators[0].rows[0].amounts[1]",
                "第五条第四项",
                "本档的起点不高于上一档。",
                "各档按起点由小到大写。",
            ),
        ],
    ),
    (
        "ageing without months",
        "months = 24, ",
        "",
        [
            (
                "indicators[0].ageing.months",
                "第六条",
                "逐月递减没有写明月数。",
                "写明 months，例如 months = 24。",
            ),
        ],
    ),
    (
        "steps with linear",
        "months = 24, ",
        "months = 24, steps = [{ months = 3, percent = 50 }], ",
        [
            (
                "indicators[0].ageing.steps",
                "第六条",
                "shape 为 linear 时 steps 不起作用。",
                "删去 steps。",
            ),
        ],
    ),
    (
        "steps rising",
        'shape = "linear", months = 24, ',
        'shape = "steps", steps = [{ months = 6, percent = 50 }, { months = 6, percent = 80 }], ',
        [
            (
                "indicators[0].ageing.steps[1].months",
                "第六条",
                "6 个月不晚于上一段。",
                "各段按月数由小到大写。",
            ),
            (
                "indicators[0].ageing.steps[1].percent",
                "第六条",
                "80% 高于上一段或不在 0 至 100 之间，事实越久反而越重。",
                "各段的百分数逐段降低。",
            ),
        ],
    ),
    (
        "growth both ways",
        "points_per_percent = -0.5",
        'points_per_percent = -0.5\nbrackets = [{ gt = 5, points = -1, clause = "第七条" }]',
        [
            (
                "indicators[1]",
                "第七条",
                "points_per_percent 与 brackets 须写明其一。",
                "按每个百分点计分写 free 和 points_per_percent；分档计分写 brackets。",
            ),
        ],
    ),
    (
        "growth without free",
        "free = 10\n",
        "",
        [
            (
                "indicators[1].free",
                "第七条",
                "没有写明超出多少个百分点以内不计。",
                "写明 free，例如 free = 10；没有即写 0。",
            ),
        ],
    ),
    (
        "min months 0",
        "min_months = 3",
        "min_months = 0",
        [
            (
                "indicators[1].min_months",
                "第七条",
                "可比月数至少为 1。",
                "写 min_months = 1 或更多。",
            ),
        ],
    ),
    (
        "missing points unstated",
        'if_missing = "not_rated"',
        'if_missing = "points"',
        [
            (
                "indicators[2].missing_points",
                "第八条",
                'missing_points 与 if_missing = "points" 须同时写明。',
                '写明数值缺失时的分值，或改用 if_missing = "not_rated"。',
            ),
        ],
    ),
    (
        "measure both ways",
        "points_per_unit = -1\n",
        "",
        [
            (
                "indicators[2]",
                "第八条",
                "points_per_unit 与 brackets 须写明其一。",
                "按数值折算写 points_per_unit；分档计分写 brackets。",
            ),
        ],
    ),
    (
        "measure unknown",
        'measure = "review"',
        'measure = "reviews"',
        [
            (
                "indicators[2].measure",
                "第八条",
                "没有名为“reviews”的导入数值。",
                "是否应为 review？",
            ),
        ],
    ),
    (
        "measure unused",
        "[[measures]]",
        '[[measures]]\nkey = "spare"\ntitle = "没用到"\nmin = 0\nmax = 1\n\n[[measures]]',
        [
            (
                "measures[0]",
                "",
                "导入数值“spare”没有用到。",
                "删去它，或在指标、条件中引用。",
            ),
        ],
    ),
    (
        "measure range reversed",
        "min = 0\nmax = 10",
        "min = 10\nmax = 0",
        [
            (
                "measures[0].min",
                "",
                "下限 10 不低于上限 0。",
                "下限须小于上限。",
            ),
        ],
    ),
    (
        "floor above ceiling",
        "floor = 0\nceiling = 100\nstep",
        "floor = 100\nceiling = 0\nstep",
        [
            (
                "score.floor",
                "第三条",
                "下限 100 不低于上限 0。",
                "下限须小于上限。",
            ),
        ],
    ),
    (
        "component floor above ceiling",
        "floor = 0\nceiling = 100\nweight",
        "floor = 100\nceiling = 0\nweight",
        [
            (
                "components[0].floor",
                "第四条",
                "下限 100 不低于上限 0。",
                "下限须小于上限。",
            ),
        ],
    ),
    (
        "indicator floor above ceiling",
        "floor = -90",
        "floor = 90",
        [
            (
                "indicators[0].floor",
                "第五条",
                "下限 90 不低于上限 0。",
                "下限须小于上限。",
            ),
        ],
    ),
    (
        "base out of range",
        "base_score = 100",
        "base_score = 101",
        [
            (
                "components[0].base_score",
                "第四条",
                "基础分 101 不在 0 至 100 之间。",
                "改正基础分或上下限。",
            ),
        ],
    ),
    (
        "weights",
        "weight = 1",
        "weight = 0.9",
        [
            (
                "components",
                "",
                "权重之和 0.9，应为 1。",
                "改正各分项的 weight；权重之和不为 1 时在 score.weights_sum 写明。",
            ),
        ],
    ),
    (
        "weight 0",
        "weight = 1",
        "weight = 0",
        [
            (
                "components[0].weight",
                "第四条",
                "权重不是正数。",
                "写大于 0 的权重，例如 0.6。",
            ),
            (
                "components",
                "",
                "权重之和 0，应为 1。",
                "改正各分项的 weight；权重之和不为 1 时在 score.weights_sum 写明。",
            ),
        ],
    ),
    (
        "step 0",
        "step = 1",
        "step = 0",
        [
            (
                "score.step",
                "第三条",
                "最小单位 0 不是正数。",
                "写 0.1、1 之类的正数。",
            ),
        ],
    ),
    (
        "ceiling off step",
        "ceiling = 100\nstep = 1",
        "ceiling = 100\nstep = 0.3",
        [
            (
                "score.ceiling",
                "第三条",
                "100 不是最小单位 0.3 的整数倍。",
                "改为最小单位的整数倍。",
            ),
        ],
    ),
    (
        "overflow",
        "base_score = 100\nfloor = 0\nceiling = 100\nweight = 1",
        "base_score = 100\nfloor = -1000000\nceiling = 1000000\nweight = 1000000",
        [
            (
                "components",
                "",
                "权重之和 1000000，应为 1。",
                "改正各分项的 weight；权重之和不为 1 时在 score.weights_sum 写明。",
            ),
            (
                "components",
                "",
                "各分项上下限与权重的乘积之和过大，计算会溢出。",
                "缩小分项的上下限或权重。",
            ),
        ],
    ),
    (
        "no quantity",
        'when = { quantity = "tenure_months", lt = 6 }',
        "when = {}",
        [
            (
                "eligibility[0].when",
                "第九条",
                "条件是空的。",
                "quantity、all、any、not 只写其一；需要组合时用 all 或 any。",
            ),
        ],
    ),
    (
        "two forms",
        'when = { quantity = "tenure_months", lt = 6 }',
        'when = { all = [], quantity = "tenure_months", lt = 6 }',
        [
            (
                "eligibility[0].when",
                "第九条",
                "写了 all、quantity。",
                "quantity、all、any、not 只写其一；需要组合时用 all 或 any。",
            ),
        ],
    ),
    (
        "empty all",
        'when = { quantity = "tenure_months", lt = 6 }',
        "when = { all = [] }",
        [
            (
                "eligibility[0].when.all",
                "第九条",
                "组合条件里没有条件。",
                "至少写一个条件。",
            ),
        ],
    ),
    (
        "extra beside all",
        'when = { quantity = "tenure_months", lt = 6 }',
        'when = { all = [{ quantity = "tenure_months", lt = 6 }], ge = 1 }',
        [
            (
                "eligibility[0].when",
                "第九条",
                "all 之外还写了 ge。",
                "移到里面的条件中。",
            ),
        ],
    ),
    (
        "unknown quantity",
        'quantity = "tenure_months"',
        'quantity = "tenure_month"',
        [
            (
                "eligibility[0].when.quantity",
                "第九条",
                "没有名为“tenure_month”的量。",
                "是否应为 tenure_months？",
            ),
        ],
    ),
    (
        "unknown indicator in condition",
        'when = { quantity = "violations", kinds = ["RETURNED_DRUG"], ge = 1 }',
        'when = { quantity = "indicator.violation", lt = -10 }',
        [
            (
                "caps[0].when.quantity",
                "第十条",
                "没有名为“indicator.violation”的量。",
                "是否应为 indicator.violations？",
            ),
        ],
    ),
    (
        "unknown measure in condition",
        'when = { quantity = "tenure_months", lt = 6 }',
        'when = { quantity = "measure.revue", lt = 6 }',
        [
            (
                "eligibility[0].when.quantity",
                "第九条",
                "没有名为“revue”的导入数值。",
                "是否应为 review？",
            ),
        ],
    ),
    (
        "no comparison",
        ", lt = 6",
        "",
        [
            (
                "eligibility[0].when",
                "第九条",
                "“tenure_months”没有写明与什么数比较。",
                "写明 lt、le、eq、ge、gt 之一，例如 lt = 24。",
            ),
        ],
    ),
    (
        "two bounds one way",
        ", lt = 6",
        ", lt = 6, le = 5",
        [
            (
                "eligibility[0].when",
                "第九条",
                "同一方向写了两个界限。",
                "ge 与 gt、lt 与 le 各保留一个。",
            ),
        ],
    ),
    (
        "status compared",
        'quantity = "tenure_months", lt = 6',
        'quantity = "status", lt = 6',
        [
            (
                "eligibility[0].when",
                "第九条",
                "服务状态不能比较大小。",
                '写 one_of，例如 one_of = ["TERMINATED"]。',
            ),
        ],
    ),
    (
        "filter misplaced",
        "lt = 6",
        'lt = 6, kinds = ["OTHER_FRAUD"]',
        [
            (
                "eligibility[0].when.kinds",
                "第九条",
                "kinds 不适用于“tenure_months”。",
                "删去 kinds；它只用于 violation_amount、violations。",
            ),
        ],
    ),
    (
        "within misplaced",
        "lt = 6",
        "lt = 6, within_months = 3",
        [
            (
                "eligibility[0].when.within_months",
                "第九条",
                "within_months 不适用于“tenure_months”。",
                "删去；它只用于 complaints、violation_amount、violations。",
            ),
        ],
    ),
    (
        "missing misplaced",
        "lt = 6",
        "lt = 6, missing = true",
        [
            (
                "eligibility[0].when.missing",
                "第九条",
                "missing 只用于导入的数值。",
                "删去 missing。",
            ),
        ],
    ),
    (
        "unknown word in condition",
        'kinds = ["RETURNED_DRUG"], ge',
        'kinds = ["returned-drug"], ge',
        [
            (
                "caps[0].when.kinds[0]",
                "第十条",
                "没有名为“returned-drug”的违法违规类型。",
                "是否应为 RETURNED_DRUG？",
            ),
        ],
    ),
    (
        "cap rewarding",
        'kinds = ["RETURNED_DRUG"], ge = 1',
        'kinds = ["RETURNED_DRUG"], lt = 1',
        [
            (
                "caps[0].when",
                "第十条",
                "“violations”变差时这一封顶条件可能不再成立，等级反而变好。",
                "改变比较的方向：情况越差，封顶条件越应成立。",
            ),
        ],
    ),
    (
        "cap rewarding by not",
        'when = { quantity = "violations", kinds = ["RETURNED_DRUG"], ge = 1 }',
        'when = { not = { quantity = "score", lt = 50 } }',
        [
            (
                "caps[0].when.not",
                "第十条",
                "“score”变差时这一封顶条件可能不再成立，等级反而变好。",
                "改变比较的方向：情况越差，封顶条件越应成立。",
            ),
        ],
    ),
    (
        "cap on equality",
        "ge = 1 }",
        "eq = 1 }",
        [
            (
                "caps[0].when",
                "第十条",
                "“violations”变差时这一封顶条件可能不再成立，等级反而变好。",
                "改变比较的方向：情况越差，封顶条件越应成立。",
            ),
        ],
    ),
    (
        "band rewarding",
        "min = 90\n",
        'min = 90\nalso = { quantity = "complaints", ge = 1 }\n',
        [
            (
                "bands.rows[0].also",
                "第十一条第一项",
                "“complaints”变差时这一等级条件可能反而成立，等级反而变好。",
                "改变比较的方向：情况越好，等级条件越应成立。",
            ),
        ],
    ),
    (
        "eligibility by conduct",
        'when = { quantity = "tenure_months", lt = 6 }',
        'when = { quantity = "score", lt = 6 }',
        [
            (
                "eligibility[0].when.quantity",
                "第九条",
                "不予评价的条件取决于“score”，违法失信的药店会因此免于评价。",
                "改写为封顶（caps）；不予评价只看年限、状态、连锁或导入的数值。",
            ),
        ],
    ),
    (
        "unknown grade in cap",
        'limit = "B"',
        'limit = "Bb"',
        [
            (
                "caps[0].limit",
                "第十条",
                "没有名为“Bb”的等级。",
                "是否应为 B？",
            ),
        ],
    ),
    (
        "cap at the best",
        'limit = "B"',
        'limit = "A"',
        [
            (
                "caps[0].limit",
                "第十条",
                "以最好的等级“A”为上限，从不起作用。",
                "改为较低的等级，或删去。",
            ),
        ],
    ),
    (
        "cap with two limits",
        'limit = "B"',
        'limit = "B"\nlimit_measure = "review"',
        [
            (
                "caps[0]",
                "第十条",
                "limit 与 limit_measure 须写明其一。",
                "写明最高只能评为的等级。",
            ),
        ],
    ),
    (
        "unknown grade in band",
        'grade = "B"',
        'grade = "C"',
        [
            (
                "bands.rows[1].grade",
                "第十一条第二项",
                "没有名为“C”的等级。",
                "改为 A、B 之一。",
            ),
        ],
    ),
    (
        "grades out of order",
        'grade = "B"',
        'grade = "A"',
        [
            (
                "bands.rows[1].grade",
                "第十一条第二项",
                "“A”不比上一行差。",
                "各等级由好到差书写，每个等级一行。",
            ),
        ],
    ),
    (
        "grade unreachable",
        "[score]",
        '[[grades]]\nname = "C"\nlabel = "很差"\nmeaning = "很差"\n\n[score]',
        [
            (
                "grades[2]",
                "",
                "没有任何等级划分或封顶能评出“C”。",
                "在 bands 中补写，或从 grades 中删去。",
            ),
        ],
    ),
    (
        "also on the last",
        'grade = "B"',
        'grade = "B"\nalso = { quantity = "complaints", lt = 1 }',
        [
            (
                "bands.rows[1].also",
                "第十一条第二项",
                "最末等级附有条件，条件不满足的药店将没有等级。",
                "删去最末一行的 also。",
            ),
        ],
    ),
    (
        "gap",
        'grade = "B"',
        'grade = "B"\nmax = 88',
        [
            (
                "bands.rows[1].max",
                "第十一条第二项",
                "“B”止于 88，与上一等级之间有空档。",
                "改为 89。",
            ),
        ],
    ),
    (
        "overlap",
        'grade = "B"',
        'grade = "B"\nmax = 90',
        [
            (
                "bands.rows[1].max",
                "第十一条第二项",
                "“B”始于 90，与上一等级重叠。",
                "改为 89。",
            ),
        ],
    ),
    (
        "gap at the top",
        "min = 90",
        "min = 90\nmax = 99",
        [
            (
                "bands.rows[0].max",
                "第十一条第一项",
                "“A”止于 99，比它更好的分数没有等级。",
                "改为 100。",
            ),
        ],
    ),
    (
        "gap at the bottom",
        'grade = "B"',
        'grade = "B"\nmin = 10',
        [
            (
                "bands.rows[1]",
                "第十一条第二项",
                "最末等级“B”没有包括直到最差的分数。",
                "删去它的最差界限，或改到 score 的界限。",
            ),
        ],
    ),
    (
        "band off step",
        "min = 90",
        "min = 89.5",
        [
            (
                "bands.rows[0].min",
                "第十一条第一项",
                "89.5 不是最小单位 1 的整数倍。",
                "改为信用分能取到的数。",
            ),
        ],
    ),
    (
        "min above max",
        "min = 90",
        "min = 90\nmax = 80",
        [
            (
                "bands.rows[0]",
                "第十一条第一项",
                "“A”的 min 大于 max。",
                "对调 min 与 max。",
            ),
        ],
    ),
    (
        "band without bound",
        "min = 90\n",
        "",
        [
            (
                "bands.rows[0]",
                "第十一条第一项",
                "“A”没有写明 min。",
                "补上 min；只有最末等级可以省略。",
            ),
        ],
    ),
    (
        "band beyond ceiling",
        "min = 90",
        "min = 101",
        [
            (
                "bands.rows[0]",
                "第十一条第一项",
                "没有分数能评为“A”。",
                "各等级的界限由好到差书写，且在 score 的上下限之内。",
            ),
        ],
    ),
    (
        "band takes all",
        "min = 90",
        "min = 0",
        [
            (
                "bands.rows[1]",
                "第十一条第二项",
                "没有分数能评为“B”。",
                "改正上一等级的界限。",
            ),
        ],
    ),
    (
        "shares",
        'by = "score"\n\n[[bands.rows]]\ngrade = "A"\nmin = 90\n',
        'by = "position"\ngroup = "city"\nmin_group = 1\nties = "better"\ncount_rounding = "down"\nclause = "第十一条"\n\n[[bands.rows]]\ngrade = "A"\nshare = 10\n',
        [
            (
                "bands.rows[1].share",
                "第十一条第二项",
                "缺少必写的 share。",
                "补上 share（占同组药店的百分之几），例如 share = 20。",
            ),
        ],
    ),
    (
        "shares sum",
        'by = "score"\n\n[[bands.rows]]\ngrade = "A"\nmin = 90\nclause = "第十一条第一项"\n\n[[bands.rows]]\ngrade = "B"\n',
        'by = "position"\ngroup = "city"\nmin_group = 1\nties = "better"\ncount_rounding = "down"\nclause = "第十一条"\n\n[[bands.rows]]\ngrade = "A"\nshare = 0\nclause = "第十一条第一项"\n\n[[bands.rows]]\ngrade = "B"\nshare = 89.5\n',
        [
            (
                "bands.rows[0].share",
                "第十一条第一项",
                "占比不是正数。",
                "写大于 0 的百分数。",
            ),
            (
                "bands.rows",
                "第十一条",
                "各等级占比之和 0 + 89.5 = 89.5，应为 100。",
                "改正各等级的 share，使其和为 100。",
            ),
        ],
    ),
    (
        "topic in two rows",
        "[[eligibility]]",
        '[[indicators]]\nid = "complaints"\ncomponent = "credit"\nkind = "complaints"\ntitle = "投诉"\nclause = "第十二条"\nageing = { shape = "none", clause = "第十二条" }\n[[indicators.rows]]\ntitle = "甲"\ntopics = ["FRAUD"]\npoints = -1\nclause = "第十二条第一项"\n[[indicators.rows]]\ntitle = "乙"\ntopics = ["SERVICE", "FRAUD"]\npoints = -1\nclause = "第十二条第二项"\n[indicators.default]\ntitle = "丙"\npoints = -1\nclause = "第十二条第三项"\n\n[[eligibility]]',
        [
            (
                "indicators[3].rows[1].topics[1]",
                "第十二条第二项",
                "“FRAUD”已由 rows[0] 规定，同一件事会有两个分值。",
                "只在一处列出。",
            ),
        ],
    ),
    (
        "unknown topic",
        "[[eligibility]]",
        '[[indicators]]\nid = "complaints"\ncomponent = "credit"\nkind = "complaints"\ntitle = "投诉"\nclause = "第十二条"\nageing = { shape = "none", clause = "第十二条" }\n[[indicators.rows]]\ntitle = "甲"\ntopics = ["FRAUD"]\npoints = -1\nclause = "第十二条第一项"\n[[indicators.rows]]\ntitle = "乙"\ntopics = ["SERVICE", "FRAUDS"]\npoints = -1\nclause = "第十二条第二项"\n[indicators.default]\ntitle = "丙"\npoints = -1\nclause = "第十二条第三项"\n\n[[eligibility]]',
        [
            (
                "indicators[3].rows[1].topics[1]",
                "第十二条第二项",
                "没有名为“FRAUDS”的举报投诉内容。",
                "是否应为 FRAUD？",
            ),
        ],
    ),
    (
        "months with steps",
        'shape = "linear", months',
        'shape = "steps", steps = [{ months = 3, percent = 50 }], months',
        [
            (
                "indicators[0].ageing.months",
                "第六条",
                "shape 为 steps 时 months 不起作用。",
                "删去 months。",
            ),
        ],
    ),
    (
        "steps without steps",
        'shape = "linear", months = 24',
        'shape = "steps"',
        [
            (
                "indicators[0].ageing.steps",
                "第六条",
                "分段递减没有写明各段。",
                "写明 steps，例如 [{ months = 12, percent = 0 }]。",
            ),
        ],
    ),
    (
        "lighter bracket",
        '[{ gt = 1000, points = -5, clause = "第五条第二项" }]',
        '[{ gt = 1000, points = -5, clause = "第五条第二项" }, { ge = 5000, points = -4.5, clause = "第五条第四项" }]',
        [
            (
                "indicators[0].rows[0].amounts[1].points",
                "第五条第四项",
                "分值 -4.5 比上一档（-5）更轻，情况越差得分反而越好。",
                "各档分值逐档加重。",
            ),
        ],
    ),
    (
        "free with brackets",
        "points_per_percent = -0.5",
        'brackets = [{ gt = 5, points = -1, clause = "第七条" }]',
        [
            (
                "indicators[1].free",
                "第七条",
                "分档计分时 free 不起作用。",
                "删去 free。",
            ),
        ],
    ),
    (
        "unknown key in a condition",
        "min = 90\n",
        'min = 90\nalso = { not = { quantity = "complaints", ge = 1, withn_months = 3 } }\n',
        [
            (
                "bands.rows[0].also.not.withn_months",
                "第十一条第一项",
                "不认识的键“withn_months”。",
                "是否应为 within_months？",
            ),
        ],
    ),
    (
        "unknown key in points",
        "SERIOUS = -30",
        "SERIOUS = -30, GRAVE = -40",
        [
            (
                "indicators[0].rows[0].points.GRAVE",
                "第五条第一项",
                "不认识的键“GRAVE”。",
                "删去它；此处可用的键：MINOR、GENERAL、SERIOUS。",
            ),
        ],
    ),
    (
        "misspelt gravity",
        "SERIOUS = -30",
        "SERIUOS = -30",
        [
            (
                "indicators[0].rows[0].points.SERIUOS",
                "第五条第一项",
                "不认识的键“SERIUOS”。",
                "是否应为 SERIOUS？",
            ),
        ],
    ),
    (
        "unknown track",
        'kinds = ["RETURNED_DRUG"]\npoints',
        'kinds = ["RETURNED_DRUG"]\ntracks = ["FINE"]\npoints',
        [
            (
                "indicators[0].rows[0].tracks[0]",
                "第五条第一项",
                "没有名为“FINE”的处理性质。",
                "改为 PENALTY、AGREEMENT 之一。",
            ),
        ],
    ),
    (
        "base score in score",
        "step = 1",
        "step = 1\nbase = 100",
        [
            (
                "score.base",
                "第三条",
                "不认识的键“base”。",
                "移到所属的分段：base_score 写在 [[components]] 中；"
                "此处可用的键：direction、floor、ceiling、step、rounding、weights_sum、clause。",
            ),
        ],
    ),
    (
        "key of the document in a part",
        "cutoff_days = 0",
        'cutoff_days = 0\nauthority = "示例"',
        [
            (
                "period.authority",
                "第二条",
                "不认识的键“authority”。",
                "移到所属的分段：authority 写在文件开头（各分段之前）；此处可用的键：cutoff_days、clause。",
            ),
        ],
    ),
    (
        "near key with a value that does not fit",
        "cutoff_days = 0",
        "cutoff_days = 0\nclausse = 100",
        [
            (
                "period.clausse",
                "第二条",
                "不认识的键“clausse”。",
                "删去它；此处可用的键：cutoff_days、clause。",
            ),
        ],
    ),
    (
        "misspelt key out of range",
        "base_score = 100",
        "base_scor = 101",
        [("components[0].base_scor", "第四条", "不认识的键“base_scor”。", "是否应为 base_score？")],
    ),
    (
        "misspelt table with a fault inside",
        'ageing = { shape = "linear", months = 24',
        'agein = { shape = "linear", months = "x"',
        [
            ("indicators[0].agein", "第六条", "不认识的键“agein”。", "是否应为 ageing？"),
            (
                "indicators[0].agein.months",
                "第六条",
                "“x”不是数字。",
                "写成不带引号的数字，例如 12.5。",
            ),
        ],
    ),
    (
        "no ageing",
        'ageing = { shape = "linear", months = 24, clause = "第六条" }\n',
        "",
        [
            (
                "indicators[0].ageing",
                "第五条",
                "缺少必写的 ageing。",
                "补上 ageing（随时间递减的办法），例如 "
                'ageing = { shape = "linear", months = 24, from = "decided_on", clause = "第六条" }。',
            ),
        ],
    ),
    (
        "no choice",
        'rounding = "half_up"\n',
        "",
        [
            (
                "score.rounding",
                "第三条",
                "缺少必写的 rounding。",
                "补上 rounding（half_up 四舍五入；half_even 四舍六入五成双；down 舍去；up 进位），"
                "写 half_up、half_even、down、up 之一。",
            ),
        ],
    ),
    (
        "measure without key",
        '{ quantity = "tenure_months", lt = 6 }',
        '{ quantity = "measure", lt = 6 }',
        [
            (
                "eligibility[0].when.quantity",
                "第九条",
                "“measure”没有写明是哪一个。",
                "写成 measure.KEY，KEY 为 [[measures]] 中写明的 key，例如 measure.review。",
            ),
        ],
    ),
    (
        "component without id",
        '{ quantity = "tenure_months", lt = 6 }',
        '{ quantity = "component.", lt = 6 }',
        [
            (
                "eligibility[0].when.quantity",
                "第九条",
                "“component.”没有写明是哪一个。",
                "写成 component.ID，ID 为 [[components]] 中写明的 id，例如 component.credit。",
            ),
        ],
    ),
    (
        "wrong sign where fewer is better",
        'direction = "higher_is_better"',
        'direction = "lower_is_better"',
        [
            (
                "indicators[0].default.points.MINOR",
                "第五条第三项",
                "分值 -5 会使得分变好。",
                "分数低者为好的规则中记分写正数，例如 6。",
            ),
            (
                "indicators[0].default.points.GENERAL",
                "第五条第三项",
                "分值 -5 会使得分变好。",
                "分数低者为好的规则中记分写正数，例如 6。",
            ),
            (
                "indicators[0].default.points.SERIOUS",
                "第五条第三项",
                "分值 -5 会使得分变好。",
                "分数低者为好的规则中记分写正数，例如 6。",
            ),
            (
                "indicators[0].rows[0].points.MINOR",
                "第五条第一项",
                "分值 -10 会使得分变好。",
                "分数低者为好的规则中记分写正数，例如 6。",
            ),
            (
                "indicators[0].rows[0].points.GENERAL",
                "第五条第一项",
                "分值 -20 会使得分变好。",
                "分数低者为好的规则中记分写正数，例如 6。",
            ),
            (
                "indicators[0].rows[0].points.SERIOUS",
                "第五条第一项",
                "分值 -30 会使得分变好。",
                "分数低者为好的规则中记分写正数，例如 6。",
            ),
            (
                "indicators[0].rows[0].amounts[0].points",
                "第五条第二项",
                "分值 -5 会使得分变好。",
                "分数低者为好的规则中记分写正数，例如 6。",
            ),
            (
                "indicators[1].points_per_percent",
                "第七条",
                "分值 -0.5 会使得分变好。",
                "分数低者为好的规则中记分写正数，例如 6。",
            ),
            (
                "bands.rows[0]",
                "第十一条第一项",
                "“A”没有写明 max。",
                "补上 max；只有最末等级可以省略。",
            ),
        ],
    ),
]


@pytest.mark.parametrize(("name", "old", "new", "expected"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_mistake(name: str, old: str, new: str, expected: list[tuple[str, str, str, str]]) -> None:
    assert SMALL.count(old) == 1
    with pytest.raises(SchemeError) as caught:
        parse_scheme(SMALL.replace(old, new), "small.toml")
    assert caught.value.problems == tuple(Problem("small.toml", *problem) for problem in expected)


def test_every_required_key_has_a_sample_or_values() -> None:
    schema = SchemeDocument.model_json_schema(by_alias=True)
    for part in (schema, *schema["$defs"].values()):
        for key in part.get("required", ()):
            field = part["properties"][key]
            field = schema["$defs"].get(field.get("$ref", "").rsplit("/", 1)[-1], field)
            assert key in SAMPLES or "enum" in field or "const" in field, key
    for key, sample in SAMPLES.items():
        assert list(tomllib.loads(sample.replace(", …", ""))) == [key]


def test_the_untouched_document_is_accepted() -> None:
    assert parse_scheme(SMALL).key == "small"


def test_a_problem_reads_as_one_sentence() -> None:
    with pytest.raises(SchemeError) as caught:
        parse_scheme(SMALL.replace("SERIOUS = -30", "SERIOUS = 30"), "我的规则.toml")
    assert str(caught.value) == (
        "我的规则.toml：indicators[0].rows[0].points.SERIOUS（第五条第一项）：分值 30 会使得分变好。"
        "改正办法：分数高者为好的规则中扣分写负数，例如 -6。"
    )


def test_all_problems_are_told_at_once_whatever_their_sort() -> None:
    text = SMALL
    for old, new in (
        ("base_score = 100", "base_scor = 101"),  # misspelt
        ("MINOR = -10", "MINOR = -10.0005"),  # too fine
        ("SERIOUS = -30", "SERIOUS = 30"),  # the wrong sign
        ('clause = "第九条"\n', ""),  # missing
        ('title = "信用分"', "title = 5"),  # not a text
        ("free = 10", 'free = "10"'),  # in quotes
        ("effective_on = 2020-01-01", 'effective_on = "1820-01-01"'),  # in quotes, and implausible
        ('limit = "B"', 'limit = "E"'),  # unknown
        ('grade = "B"', 'grade = "B"\nmax = 80'),  # a gap
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    with pytest.raises(SchemeError) as caught:
        parse_scheme(text, "small.toml")
    assert [problem.path for problem in caught.value.problems] == [
        "effective_on",
        "components[0].title",
        "components[0].base_scor",
        "indicators[0].rows[0].points.MINOR",
        "indicators[1].free",
        "eligibility[0].clause",
        "indicators[0].rows[0].points.SERIOUS",
        "caps[0].limit",
        "bands.rows[1].max",
    ]


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        (b'key "small"', "第1行第5列", "键之后缺少等号。"),
        (b'key = "a"\nkey = "b"\n', "第2行第10列", "同一个键写了两次。"),
        (b"[score]\n[score]", "第2行第7列", "同一个分段写了两次。"),
        (b'key = "a"\ntitle = \n', "第2行第9列", "值的写法有误。"),
        (b'legal_basis = ["a"\ntitle = 1', "第2行第1列", "列表缺少右方括号。"),
        (b"a = { b = 1\n", "第1行第12列", "花括号没有闭合。"),
        (b'key = "a', "文件末尾", "文字缺少右引号。"),
        (b'key = "a"x', "第1行第10列", "值之后有多余的内容。"),
        (b"[score", "文件末尾", "分段标题缺少右方括号。"),
        (b'key = "a\nb"', "第1行第9列", "文字中有不允许的字符（可能缺少引号）。"),
        ('key = "药店"'.encode("gb18030"), "第1行", "不是 UTF-8 编码。"),
        (b"\n\n\xff", "第3行", "不是 UTF-8 编码。"),
        (b"", "（全文）", "文件是空的。"),
        (b" \n", "（全文）", "文件是空的。"),
    ],
)
def test_syntax(text: bytes, place: str, what: str) -> None:
    with pytest.raises(SchemeError) as caught:
        parse_scheme(text, "x.toml")
    (problem,) = caught.value.problems
    assert (problem.file, problem.path, problem.what) == ("x.toml", place, what)


@pytest.mark.parametrize(
    ("line", "column", "what", "remedy"),
    [
        ("key = “jinhua”", 7, "此处用了全角引号“ ”。", '请改用半角 "。'),
        ('key = "jinhua”', 14, "此处用了全角引号“ ”。", '请改用半角 "。'),
        ("key = ‘jinhua’", 7, "此处用了全角引号‘ ’。", "请改用半角 '。"),
        ("min = ９３", 7, "此处用了全角数字９３。", "请改用半角 93。"),
        ("min = 9３", 8, "此处用了全角数字３。", "请改用半角 3。"),
        ("［score］", 1, "此处用了全角方括号［。", "请改用半角 [ ]。"),
        ("[score］", 7, "此处用了全角方括号］。", "请改用半角 [ ]。"),
        ("【score】", 1, "此处用了全角方括号【。", "请改用半角 [ ]。"),
        ("a = ｛ b = 1 ｝", 5, "此处用了全角花括号｛。", "请改用半角 { }。"),
        ('key ＝ "jinhua"', 5, "此处用了全角等号＝。", "请改用半角 =。"),
        ('key： "jinhua"', 4, "此处用了全角冒号：。", "请改用半角 =。"),
        ('a = ["一，二"，"三"]', 11, "此处用了全角逗号或顿号，。", "请改用半角 ,。"),
        ('a = { b = "一"、c = 1 }', 14, "此处用了全角逗号或顿号、。", "请改用半角 ,。"),
        ("min = 1。5", 8, "此处用了全角句点。。", "请改用半角 .。"),
        ("min = －5", 7, "此处用了全角减号－。", "请改用半角 -。"),
        ("min = 5 ＃ 说明", 9, "此处用了全角井号＃。", "请改用半角 #。"),
        ("min =\u30005", 6, "此处用了全角空格。", "请改用半角空格。"),
        ("ｋey = 5", 1, "此处用了全角字符ｋ。", "请改用半角 k。"),
        ("title = 信用，分", 9, "值的写法有误。", "改正此处（或其上一行）的书写后再试。"),
        ("title 5 # “说明”，", 7, "键之后缺少等号。", "改正此处（或其上一行）的书写后再试。"),
        ("effective_on = 2020-13-01", 16, "没有 2020-13-01 这一天。", "写实有的日期，例如 2026-01-01。"),
        (
            "effective_on = 2021-02-29 # 施行",
            16,
            "没有 2021-02-29 这一天。",
            "写实有的日期，例如 2026-01-01。",
        ),
        ("effective_on = 2020-1-1", 16, "“2020-1-1”不是日期。", "月、日各写两位，例如 2026-01-01。"),
    ],
)
@pytest.mark.parametrize("end", ["", "\r\n", "\nx = 1\n"])
def test_slips_of_a_chinese_writer(line: str, column: int, what: str, remedy: str, end: str) -> None:
    text = f'note = """第一，\n“第二”。"""  # 注，\n{line}{end}'
    with pytest.raises(SchemeError) as caught:
        parse_scheme(text, "x.toml")
    assert caught.value.problems == (Problem("x.toml", f"第3行第{column}列", "", what, remedy),)


def test_a_document_cut_off_in_the_middle_is_refused() -> None:
    data = SMALL.encode()
    for end in range(0, len(data), 97):
        with pytest.raises(SchemeError):
            parse_scheme(data[:end])


def test_a_byte_order_mark_and_windows_line_ends_are_read_but_change_the_hash(tmp_path: Path) -> None:
    plain = parse_scheme(SMALL)
    windows = tmp_path / "small.toml"
    windows.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    marked = load_scheme(windows)
    assert marked.document == plain.document
    assert marked.hash != plain.hash
