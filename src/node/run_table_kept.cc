// Outputs of tasks, in runs that keep them all (task_outputs.h).

#include <span>

#include <fmt/format.h>

#include "node/run_table.h"

namespace sluice::node {

void RunTable::on(const core::KeepOutput& kept) {
  RunRecord* run = find(kept.attempt.task.run);
  if (run == nullptr || run->plan().keep != model::Keep::kAll) return;
  if (run->step_of(kept.attempt.task).helper) return;
  const Status status = keep_output(*run, kept);
  if (!status && !is_ended(run->state))
    fail_run(*run,
             {.name = "DataLost",
              .message = fmt::format("an output of task '{}' cannot be kept: {}",
                                     run->path_of(kept.attempt.task), status.error().message())});
}

Status RunTable::keep_output(RunRecord& run, const core::KeepOutput& kept) {
  if (run.task_outputs == nullptr)
    run.task_outputs = std::make_unique<TaskOutputs>(run.folder / "tasks");
  const model::Step& step = run.step_of(kept.attempt.task);
  const std::vector<model::Port>& ports = step.action == model::Action::kCall
                                              ? run.app().functions[step.function].outputs
                                              : step.outputs;
  using Kind = TaskOutputs::Entry::Kind;
  TaskOutputs::Entry entry{.task = run.path_of(kept.attempt.task),
                           .output = ports[kept.port].name,
                           .kind = kept.is_list ? Kind::kElement : Kind::kValue,
                           .index = kept.index,
                           .meta = {},
                           .size = kept.object.size,
                           .checksum = kept.object.checksum};
  if (kept.kind == core::Deliver::Kind::kHole) entry.kind = Kind::kHole;
  if (kept.kind == core::Deliver::Kind::kClosed) entry.kind = Kind::kClosed;
  run.folder_made = true;
  if (entry.kind == Kind::kHole || entry.kind == Kind::kClosed)
    return run.task_outputs->add(entry, {});
  SLUICE_TRY(const store::Store::View view, store_.view(kept.object.id));
  entry.meta = view.meta;
  if (view.size <= Limits::kInlineMax) {
    std::string bytes(view.size, '\0');
    SLUICE_TRY(const std::size_t got,
               store_.read(kept.object.id, 0, std::as_writable_bytes(std::span(bytes))));
    if (got != bytes.size()) return fail(ErrorCode::kDataLoss, "an output is shorter than it was");
    SLUICE_OK(run.task_outputs->add(entry, bytes));
    count_disk(run);
    return {};
  }
  SLUICE_TRY(std::filesystem::path path, run.task_outputs->add_file(entry));
  store_.retain(kept.object.id);
  ++run.saves_pending;
  saves_.push_back(Save{.run = run.id,
                        .output = std::nullopt,
                        .object = kept.object.id,
                        .size = view.size,
                        .path = std::move(path)});
  start_saves();
  return {};
}

}  // namespace sluice::node
