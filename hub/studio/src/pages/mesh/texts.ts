/** The words of the Mesh page, beside it because no other page needs them. */
import i18next from "i18next";
import type { Texts } from "../../i18n/en";

const en = {
  title: "Mesh",
  subtitle: "Which nodes are linked, by which ways messages go, and what they cost",
  policy: "Mesh policy",
  canvas: "Graph of the mesh",
  keys: "Arrows move the view, + and − zoom, 0 shows all. N and P go from node to node, Shift with arrows moves the chosen one, Escape ends the choice. The same stands in the tables below.",
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",
  fit: "Show everything",
  again: "Arrange anew",
  search: "Search nodes",
  searchPlaceholder: "Name or id",
  found_one: "{{count}} node found",
  found_other: "{{count}} nodes found",
  summary: "{{online}} of {{nodes}} nodes reached, {{links}} links, {{tree}} of them in the tree",
  colour: "Colour links by",
  measure: { rtt: "Round trip", cost: "Cost" },
  legend: "Legend",
  class: { best: "Best", good: "Good", fair: "Fair", poor: "Poor", unknown: "Not measured" },
  tree: "In the spanning tree",
  other: "Other link",
  lastKnown: "Last known",
  hub: "Hub",
  empty: "There is nothing here yet",
  emptyBody: "Nodes appear as soon as they have joined the mesh.",
  split: { title_one: "The mesh has fallen apart", title_other: "The mesh has fallen apart into {{count}} sides", body: "Each side goes on working with the nodes that it reaches. What you see of the others is what was last heard of them: they may be cut off, or switched off.", own: "This hub's side", side: "Side {{number}}", count_one: "{{count}} node", count_other: "{{count}} nodes", more: "and {{count}} more" },
  path: { title: "Path finder", from: "From", to: "To", nothing: "No node", cost: "Total cost {{cost}}", steps_one: "{{count}} step", steps_other: "{{count}} steps", none: "No path leads there now.", clear: "Clear the path", stranger: "a node of another project", pick: "Choose two nodes to see the cheapest way between them.", here: "{{name}} is both ends." },
  panel: { node: "Chosen node", link: "Chosen link", close: "End the choice", id: "Id", side: "Side", noSide: "Linked with nobody", links: "Links", noLinks: "It has no links.", from: "Path from here", to: "Path to here", device: "Open in Devices", ends: "Ends", state: "State", inTree: "Spanning tree", yes: "yes", no: "no", cost: "Cost", rtt: "Round trip", loss: "Loss", rate: "Line", traffic: "Traffic", queued: "Waiting", since: "Up since", silent: "The node does not tell its own figures now." },
  comma: ", ",
  up: "up",
  unknown: "–",
  atLeast: "at least {{rate}}",
  below: "below {{rate}}",
  table: { nodes: "Nodes of the mesh", links: "Links of the mesh", name: "Name", state: "State", side: "Side", degree: "Links", link: "Link", tree: "Tree", more: "Show {{count}} more" },
  chosen: "{{name}}, {{state}}, {{count}} links",
};

const zh: Texts<typeof en> = {
  title: "网格",
  subtitle: "哪些节点之间有链路、消息走哪条路径、代价是多少",
  policy: "网格策略",
  canvas: "网格图",
  keys: "方向键移动视图，+ 和 − 缩放，0 显示全部。N 和 P 切换节点，Shift 加方向键移动所选节点，Esc 取消选择。下方表格内容相同。",
  zoomIn: "放大",
  zoomOut: "缩小",
  fit: "显示全部",
  again: "重新排列",
  search: "搜索节点",
  searchPlaceholder: "名称或标识",
  found_one: "找到 {{count}} 个节点",
  found_other: "找到 {{count}} 个节点",
  summary: "可达 {{online}} / {{nodes}} 个节点，{{links}} 条链路，其中 {{tree}} 条在生成树中",
  colour: "链路着色依据",
  measure: { rtt: "往返时间", cost: "代价" },
  legend: "图例",
  class: { best: "优", good: "良", fair: "一般", poor: "差", unknown: "未测量" },
  tree: "在生成树中",
  other: "其他链路",
  lastKnown: "最后已知",
  hub: "Edge Hub",
  empty: "这里还没有内容",
  emptyBody: "节点加入网格后会立即显示。",
  split: { title_one: "网格已分裂", title_other: "网格已分裂为 {{count}} 个部分", body: "每个部分都会与其可达的节点继续工作。其他部分显示的是最后收到的信息：它们可能被隔断，也可能已关机。", own: "此 Edge Hub 所在部分", side: "部分 {{number}}", count_one: "{{count}} 个节点", count_other: "{{count}} 个节点", more: "以及另外 {{count}} 个" },
  path: { title: "路径查找", from: "起点", to: "终点", nothing: "没有节点", cost: "总代价 {{cost}}", steps_one: "{{count}} 步", steps_other: "{{count}} 步", none: "目前没有可用路径。", clear: "清除路径", stranger: "其他项目的节点", pick: "选择两个节点，查看它们之间代价最低的路径。", here: "起点和终点都是 {{name}}。" },
  panel: { node: "所选节点", link: "所选链路", close: "取消选择", id: "标识", side: "部分", noSide: "没有任何链路", links: "链路", noLinks: "此节点没有链路。", from: "以此为起点", to: "以此为终点", device: "在“设备”中打开", ends: "两端", state: "状态", inTree: "生成树", yes: "是", no: "否", cost: "代价", rtt: "往返时间", loss: "丢失率", rate: "线路速率", traffic: "流量", queued: "排队中", since: "建立时间", silent: "该节点目前没有给出自己的指标。" },
  comma: "、",
  up: "正常",
  unknown: "–",
  atLeast: "至少 {{rate}}",
  below: "低于 {{rate}}",
  table: { nodes: "网格中的节点", links: "网格中的链路", name: "名称", state: "状态", side: "部分", degree: "链路", link: "链路", tree: "生成树", more: "再显示 {{count}} 个" },
  chosen: "{{name}}，{{state}}，{{count}} 条链路",
};

export const MESH_WORDS = "mesh";
export const meshTexts = { en, zh };

/** Make the words known; both languages, so that a switch shows them at once. */
export function addMeshWords(): void {
  for (const [language, texts] of Object.entries(meshTexts)) i18next.addResourceBundle(language, MESH_WORDS, texts);
}
