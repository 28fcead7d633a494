/** The words of the Tasks page, beside it because no other page needs them. */
import i18next from "i18next";
import type { Texts } from "../../i18n/en";

const en = {
  title: "Tasks",
  subtitle: "Functions and actors that programs run on the nodes of this project, as they go",
  list: "Tasks",
  empty: "No tasks yet",
  emptyBody: "A program with cantor.connect(), or cantor run script.py, submits them. They show up here at once.",
  none: "No task is like that.",
  all: "All",
  states: "State",
  search: "Search tasks",
  searchHint: "Function, id, needs or reason",
  anyNode: "Every node",
  node: "Node",
  older: "Show older tasks",
  missing: "Not answered, so their tasks are not here: {{names}}",
  comma: ", ",
  elsewhere: "another project",
  columns: { function: "Function", state: "State", node: "Node", attempts: "Attempts", submitted: "Submitted", took: "Ran for", number: "No.", waited: "Waited", end: "End", line: "Course" },
  what: { task: "task", actor: "actor" },
  state: { waits: "Waits", runs: "Runs", done: "Done", failed: "Failed", cancelled: "Cancelled", expired: "Expired", died: "Worker died", preempted: "Preempted", lost: "Lost", refused: "Refused" },
  parts: { about: "About", attempts: "Attempts", noAttempts: "No node has it yet.", error: "Error", output: "What it printed", below: "Tasks that it submitted" },
  facts: { id: "Id", durable: "Durable id", home: "Submitted at", node: "Node", principal: "In the name of", needs: "Needs", priority: "Priority", mode: "Mode", python: "Python", retries: "Retries", deadline: "Deadline", parent: "Submitted by", group: "Begins with", actor: "Actor", submitted: "Submitted", ended: "Ended" },
  priority: { p0: "urgent", p1: "normal", p2: "background" },
  mode: { process: "a process of its own", thread: "a thread", loop: "an event loop" },
  once: "may run once only",
  leftOut_one: "{{count}} older attempt is not shown.",
  leftOut_other: "{{count}} older attempts are not shown.",
  nothing: "It has printed nothing.",
  cut: "The beginning was left out.",
  progress: "Progress",
  cancel: "Cancel the task",
  cancelled: "{{name}} is cancelled",
  gone: "There is no such task any more",
  timeline: "When the attempt waited and ran",
};

const zh: Texts<typeof en> = {
  title: "任务",
  subtitle: "程序在此项目的节点上运行的函数和 Actor，实时更新",
  list: "任务",
  empty: "还没有任务",
  emptyBody: "使用 cantor.connect() 的程序或 cantor run script.py 会提交任务，提交后立即显示在这里。",
  none: "没有符合条件的任务。",
  all: "全部",
  states: "状态",
  search: "搜索任务",
  searchHint: "函数、ID、需求或原因",
  anyNode: "所有节点",
  node: "节点",
  older: "显示更早的任务",
  missing: "以下节点未应答，其任务未列出：{{names}}",
  comma: "、",
  elsewhere: "其他项目",
  columns: { function: "函数", state: "状态", node: "节点", attempts: "尝试次数", submitted: "提交时间", took: "运行时长", number: "序号", waited: "等待", end: "结束", line: "过程" },
  what: { task: "任务", actor: "Actor" },
  state: { waits: "等待中", runs: "运行中", done: "已完成", failed: "失败", cancelled: "已取消", expired: "已超时", died: "工作进程已终止", preempted: "被抢占", lost: "已丢失", refused: "被拒绝" },
  parts: { about: "概况", attempts: "尝试", noAttempts: "还没有节点接收它。", error: "错误", output: "输出", below: "它提交的任务" },
  facts: { id: "ID", durable: "持久 ID", home: "提交节点", node: "节点", principal: "代表", needs: "需求", priority: "优先级", mode: "方式", python: "Python", retries: "重试次数", deadline: "期限", parent: "由其提交", group: "同时开始", actor: "Actor", submitted: "提交时间", ended: "结束时间" },
  priority: { p0: "紧急", p1: "普通", p2: "后台" },
  mode: { process: "独立进程", thread: "线程", loop: "事件循环" },
  once: "只能运行一次",
  leftOut_one: "另有 {{count}} 次更早的尝试未显示。",
  leftOut_other: "另有 {{count}} 次更早的尝试未显示。",
  nothing: "没有输出。",
  cut: "开头部分已省略。",
  progress: "进度",
  cancel: "取消任务",
  cancelled: "{{name}} 已取消",
  gone: "已没有此任务",
  timeline: "该次尝试等待和运行的时间",
};

export const TASK_WORDS = "tasks";
export const taskTexts = { en, zh };

/** Make the words known; both languages, so that a switch shows them at once. */
export function addTaskWords(): void {
  for (const [language, texts] of Object.entries(taskTexts)) i18next.addResourceBundle(language, TASK_WORDS, texts);
}
