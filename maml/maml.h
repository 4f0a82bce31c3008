#pragma once

// The public headers, nothing else.

#include "maml/algorithms/algorithm.h"
#include "maml/base/error.h"
#include "maml/base/rng.h"
#include "maml/base/shape.h"
#include "maml/base/workers.h"
#include "maml/diff/adaptation.h"
#include "maml/diff/checker.h"
#include "maml/diff/inner_rule.h"
#include "maml/diff/objective.h"
#include "maml/diff/task.h"
#include "maml/io/safetensors.h"
#include "maml/kernels/isa.h"
#include "maml/nn/check_model.h"
#include "maml/nn/layer.h"
#include "maml/nn/model.h"
#include "maml/tasks/domain.h"
