#pragma once

// The graph of a workflow as a picture (SVG) and in the language of Graphviz. The picture needs
// nothing else to be drawn: it has its layout, its colours for light and dark, and for those who do
// not see it the same in words.

#include <string>
#include <string_view>

#include "model/graph.h"

namespace sluice::model {

// `name`: `app.workflow`. Ids of elements follow from the names in the workflow and stay:
// `step-count`, in a flow `step-outer.inner`.
std::string to_svg(const Graph& graph, std::string_view name);
std::string to_dot(const Graph& graph, std::string_view name);

}  // namespace sluice::model
