/** The words of the Resources page, beside it because no other page needs them. */
import i18next from "i18next";
import type { Texts } from "../../i18n/en";

const en = {
  title: "Resources",
  subtitle: "What the nodes have, what of it is free, who holds the rest and who waits",
  ask: "Who satisfies this?",
  askHelp: "A single = takes units while work runs; ==, >= and the like test. Join conditions with and, or, not.",
  mistake: "Column {{column}}: {{what}}.",
  hint: "Column {{column}}: {{text}}",
  never: "No node can ever satisfy it",
  satisfied_one: "{{count}} of {{total}} nodes satisfies it now",
  satisfied_other: "{{count}} of {{total}} nodes satisfy it now",
  fits: "Satisfies it",
  fitsNot: "Does not",
  fitTable: "Nodes and the expression",
  quantities: "Quantities",
  conditions: "Conditions",
  count: "{{quantities}} quantities, {{conditions}} conditions",
  bar: "{{taken}} of {{total}} taken",
  barElsewhere: "{{elsewhere}} elsewhere",
  shared: "shared",
  nodesAway: "{{nodes}}, {{away}} not reached",
  yes: "yes",
  no: "no",
  comma: ", ",
  stranger: "other projects",
  attempt: "Attempt {{attempt}} · {{project}}",
  silent: "Not answered: {{names}}",
  frozen: "Its owner lost its record and gives no rights until they are counted: cantor resources --count",
  gone: "No node has this resource any more",
  empty: "Nothing here yet",
  emptyBody: "What nodes have is shown as soon as they join.",
  isQuantity: "A quantity: its units are taken while work runs. {{name}} = 1 takes one.",
  isCondition: "A condition: it holds or does not, and nothing takes it. {{name}} == 1 tests it.",
  parts: { nodes: "Nodes", noNodes: "No node has it.", holders: "Held by", noHolders: "Nothing holds it.", waiters: "Waiting", noWaiters: "Nothing waits for it.", shares: "Rights to shared units" },
  columns: { name: "Name", use: "Use", free: "Free", waiting: "Waiting", nodes: "Nodes", values: "Values", value: "Value", node: "Node", state: "State", fits: "Now", why: "Why not", task: "Task", amount: "Takes", holder: "For", since: "Since", needs: "Needs", owner: "Owner", total: "Total", notGiven: "Not given", rights: "Rights" },
};

const zh: Texts<typeof en> = {
  title: "资源",
  subtitle: "节点拥有的资源、其中的空闲部分、占用者和等待者",
  ask: "哪些节点满足？",
  askHelp: "单个 = 表示任务运行期间占用数量，==、>= 等用于比较。条件之间用 and、or、not 连接。",
  mistake: "第 {{column}} 列：{{what}}。",
  hint: "第 {{column}} 列：{{text}}",
  never: "没有节点能够满足",
  satisfied_one: "{{total}} 个节点中目前有 {{count}} 个满足",
  satisfied_other: "{{total}} 个节点中目前有 {{count}} 个满足",
  fits: "满足",
  fitsNot: "不满足",
  fitTable: "节点与表达式",
  quantities: "数量",
  conditions: "条件",
  count: "{{quantities}} 种数量，{{conditions}} 种条件",
  bar: "已占用 {{taken}}，共 {{total}}",
  barElsewhere: "其他节点持有 {{elsewhere}}",
  shared: "共享",
  nodesAway: "{{nodes}}，另有 {{away}} 个无法访问",
  yes: "是",
  no: "否",
  comma: "、",
  stranger: "其他项目",
  attempt: "第 {{attempt}} 次尝试 · {{project}}",
  silent: "未应答：{{names}}",
  frozen: "其所有者丢失了记录，清点之前不再分配权利：cantor resources --count",
  gone: "已没有节点拥有此资源",
  empty: "这里还没有内容",
  emptyBody: "节点加入后会立即显示其资源。",
  isQuantity: "数量：任务运行期间占用其单位。{{name}} = 1 占用一个。",
  isCondition: "条件：成立或不成立，不会被占用。用 {{name}} == 1 比较。",
  parts: { nodes: "节点", noNodes: "没有节点拥有它。", holders: "占用者", noHolders: "没有被占用。", waiters: "等待者", noWaiters: "没有任务在等待。", shares: "共享数量的权利" },
  columns: { name: "名称", use: "使用情况", free: "空闲", waiting: "等待", nodes: "节点", values: "值", value: "值", node: "节点", state: "状态", fits: "目前", why: "原因", task: "任务", amount: "占用", holder: "使用节点", since: "开始时间", needs: "需求", owner: "所有者", total: "总数", notGiven: "未分配", rights: "权利" },
};

export const RESOURCE_WORDS = "resources";
export const resourceTexts = { en, zh };

/** Make the words known; both languages, so that a switch shows them at once. */
export function addResourceWords(): void {
  for (const [language, texts] of Object.entries(resourceTexts)) i18next.addResourceBundle(language, RESOURCE_WORDS, texts);
}
