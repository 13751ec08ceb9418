// What Grafana's own types say of a dashboard's JSON: names and types of every property; what is left out has a default.
import type { Dashboard as FullDashboard, FieldConfig as Standard } from "@grafana/schema";
import type * as bargauge from "@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen";
import type * as heatmap from "@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen";
import type * as stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as states from "@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type * as table from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type * as text from "@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen";
import type * as timeseries from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

// As JSON: enums by their values, everything optional.
type Json<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends (infer Item)[]
      ? Json<Item>[]
      : T extends object
        ? { [Key in keyof T]?: Json<T[Key]> }
        : unknown;

export type Dashboard = Json<Omit<FullDashboard, "panels" | "annotations">>;
export type FieldConfig = Json<Omit<Standard, "custom" | "links">>;
export type Options = {
  bargauge: Json<bargauge.Options>;
  heatmap: Json<heatmap.Options>;
  stat: Json<stat.Options>;
  "state-timeline": Json<states.Options>;
  table: Json<table.Options>;
  text: Json<text.Options>;
  timeseries: Json<timeseries.Options>;
};
export type Custom = {
  heatmap: Json<heatmap.FieldConfig>;
  "state-timeline": Json<states.FieldConfig>;
  table: Json<table.FieldConfig>;
  timeseries: Json<timeseries.FieldConfig>;
};
