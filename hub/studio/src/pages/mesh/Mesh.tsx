import { Button, SegmentedControl, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { IconGavel, IconSearch, IconTopologyStar3 } from "@tabler/icons-react";
import { type KeyboardEvent, useCallback, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useSession } from "../../api/queries";
import { type Changes, useQueryFields } from "../../components/address";
import { EmptyNotice, ErrorNotice } from "../../components/Notices";
import { PageHead } from "../../components/PageHead";
import type { Measure } from "./classes";
import { useMesh, useMeshPath } from "./data";
import { onPath, search } from "./find";
import { Legend } from "./Legend";
import { Lists } from "./Lists";
import "./mesh.css";
import { MeshCanvas } from "./MeshCanvas";
import { LinkPanel, NodePanel, useSideName } from "./Panel";
import { PathFinder } from "./PathFinder";
import { sidesOf } from "./sides";
import { SplitNotice } from "./SplitNotice";
import type { Look, Stage } from "./stage";
import { addMeshWords, MESH_WORDS } from "./texts";
import type { Mesh as MeshData } from "./types";

addMeshWords();
const NO_MESH: MeshData = { nodes: [], links: [] };

/** What is chosen and which path is shown lives in the address, so that a link shows the same. */
function useAddress() {
  const { query, set: change } = useQueryFields();
  const set = useCallback((changes: Changes) => change(changes, true), [change]);
  return { chosen: query.get("chosen"), from: query.get("from"), to: query.get("to"), set };
}

function Summary({ mesh }: { mesh: MeshData }) {
  const { t } = useTranslation(MESH_WORDS);
  const up = mesh.links.filter((link) => link.state === "up");
  const counts = {
    online: mesh.nodes.filter((node) => node.state === "online").length,
    nodes: mesh.nodes.length,
    links: up.length,
    tree: up.filter((link) => link.in_tree).length,
  };
  return (
    <Text size="xs" c="dimmed" role="status">
      {t("summary", counts)}
    </Text>
  );
}

function Graph({ mesh }: { mesh: MeshData }) {
  const { t } = useTranslation([MESH_WORDS, "translation"]);
  const session = useSession();
  const sideName = useSideName();
  const { chosen, from, to, set } = useAddress();
  const [words, setWords] = useState("");
  const [measure, setMeasure] = useState<Measure>("rtt");
  const stage = useRef<Stage | null>(null);
  const version = useMemo(() => mesh.links.map((link) => `${link.id}:${link.cost}`).join(), [mesh.links]);
  const path = useMeshPath(from, to, version);
  const found = useMemo(() => search(mesh, words), [mesh, words]);
  const sides = useMemo(() => sidesOf(mesh.nodes), [mesh.nodes]);
  const look = useMemo<Look>(
    () => ({
      measure,
      selected: chosen,
      path: onPath(path.isError ? undefined : path.data),
      found,
      sideTitle: (side) => `${sideName(side.part)} (${t("split.count", { count: side.nodes.length })})`,
    }),
    [measure, chosen, path.data, path.isError, found, sideName, t],
  );
  const choose = useCallback((id: string | null) => set({ chosen: id }), [set]);
  const show = (id: string) => {
    choose(id);
    if (mesh.nodes.some((node) => node.id === id)) stage.current?.centre(id);
  };
  const first = (event: KeyboardEvent) => {
    const node = event.key === "Enter" && !event.nativeEvent.isComposing ? mesh.nodes.find((one) => found?.has(one.id)) : undefined;
    if (node) show(node.id);
  };
  const node = mesh.nodes.find((one) => one.id === chosen);
  const link = mesh.links.find((one) => one.id === chosen);
  const scope = session.data ? `${session.data.tenant.id}/${session.data.project.id}` : "";
  const told = node ? t("chosen", { name: node.name, state: t(`translation:state.${node.state}`), count: node.degree }) : "";
  const measures = (["rtt", "cost"] as const).map((value) => ({ value, label: t(`measure.${value}`) }));
  return (
    <Stack gap="md">
      <SplitNotice sides={sides} />
      <div className="mesh-bar">
        <TextInput
          label={t("search")}
          placeholder={t("searchPlaceholder")}
          leftSection={<IconSearch size={16} aria-hidden />}
          value={words}
          onChange={(event) => setWords(event.currentTarget.value)}
          onKeyDown={first}
        />
        <div>
          <Text size="sm" fw={500} mb={2} id="mesh-measure">
            {t("colour")}
          </Text>
          <SegmentedControl aria-labelledby="mesh-measure" transitionDuration={0} data={measures} value={measure} onChange={(value) => setMeasure(value === "cost" ? "cost" : "rtt")} />
        </div>
        <div className="mesh-told">
          {found && (
            <Text size="xs" role="status">
              {t("found", { count: found.size })}
            </Text>
          )}
          <Summary mesh={mesh} />
        </div>
      </div>
      <div className="mesh-columns">
        <div className="card mesh-stage">
          <MeshCanvas mesh={mesh} look={look} scope={scope} stage={stage} onChoose={(target) => choose(target?.id ?? null)} />
          <Legend measure={measure} />
          <p className="mesh-hidden" aria-live="polite">
            {told}
          </p>
        </div>
        <Stack gap="md" className="mesh-side">
          {node && <NodePanel mesh={mesh} node={node} onChoose={(id) => (id ? show(id) : choose(null))} onPath={set} />}
          {link && <LinkPanel mesh={mesh} link={link} onChoose={(id) => (id ? show(id) : choose(null))} onPath={set} />}
          <PathFinder nodes={mesh.nodes} from={from} to={to} path={path} onChange={set} />
        </Stack>
      </div>
      <Lists mesh={mesh} found={found} chosen={chosen} onChoose={show} />
    </Stack>
  );
}

export default function Mesh() {
  const { t } = useTranslation(MESH_WORDS);
  const mesh = useMesh();
  const data = mesh.data ?? NO_MESH;
  return (
    <>
      <PageHead title={t("title")} subtitle={t("subtitle")}>
        <Button variant="default" component={Link} to="/settings" style={{ flex: "none" }} leftSection={<IconGavel size={16} />}>
          {t("policy")}
        </Button>
      </PageHead>
      {mesh.isPending && <Skeleton height={520} radius={12} aria-hidden />}
      {mesh.isError && !mesh.data && <ErrorNotice error={mesh.error} onRetry={() => void mesh.refetch()} />}
      {mesh.isSuccess && data.nodes.length === 0 && (
        <div className="card">
          <EmptyNotice icon={<IconTopologyStar3 size={40} stroke={1.3} />} title={t("empty")} body={t("emptyBody")} />
        </div>
      )}
      {data.nodes.length > 0 && <Graph mesh={data} />}
    </>
  );
}
