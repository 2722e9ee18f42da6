#pragma once

// The handlers that the route table names, one per operation.

#include "api/answer.h"
#include "api/control.h"

namespace sluice::api {

struct Request;

void list_apps(const Request& request, Control& control, Answer answer);
void delete_app(const Request& request, Control& control, Answer answer);
void list_workflows(const Request& request, Control& control, Answer answer);
void show_workflow(const Request& request, Control& control, Answer answer);
void list_functions(const Request& request, Control& control, Answer answer);
void show_function(const Request& request, Control& control, Answer answer);
void list_runs(const Request& request, Control& control, Answer answer);
void show_run(const Request& request, Control& control, Answer answer);
void delete_run(const Request& request, Control& control, Answer answer);
void list_tasks(const Request& request, Control& control, Answer answer);
void read_output(const Request& request, Control& control, Answer answer);
void read_output_element(const Request& request, Control& control, Answer answer);
void read_task_output(const Request& request, Control& control, Answer answer);
void read_logs(const Request& request, Control& control, Answer answer);
void read_trace(const Request& request, Control& control, Answer answer);
void cancel_run(const Request& request, Control& control, Answer answer);
void list_workers(const Request& request, Control& control, Answer answer);
void list_nodes(const Request& request, Control& control, Answer answer);
void read_openapi(const Request& request, Control& control, Answer answer);
void check_health(const Request& request, Control& control, Answer answer);
void check_ready(const Request& request, Control& control, Answer answer);
void read_version(const Request& request, Control& control, Answer answer);
void read_metrics(const Request& request, Control& control, Answer answer);
// Routes of the interface that a later version brings: 501.
void not_there_yet(const Request& request, Control& control, Answer answer);

}  // namespace sluice::api
