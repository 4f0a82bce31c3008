/* maml_adapt: adapts a model that maml.cpp meta-trained, in a program of one's own.

   A C ABI over one small library without dependencies. The caller owns all memory: a model file's bytes, and one arena
   a context. Nothing is allocated, printed or thrown, no file is opened, and there is no global state, so contexts may
   be used by many threads, each by one at a time. Of the environment MAML_ISA alone is read, by a library that chooses
   its instruction set at run time. docs/embedding.md has the whole story; examples/embed has programs.

     size_t bytes;
     maml_adapt_arena_bytes(file, file_bytes, 25, 10, &bytes);
     void* arena = malloc(bytes);
     maml_adapt* context;
     maml_adapt_create(file, file_bytes, 25, 10, arena, bytes, &context);
     maml_adapt_run(context, x, y, 25, MAML_ADAPT_TRAINED_STEPS);
     maml_adapt_predict(context, query, 10, outputs);

   Every function that returns an int gives MAML_ADAPT_OK or what was wrong. Nothing it was given is changed then, but
   by a run that diverges, which takes a context back to what it was before it was adapted. */

#ifndef MAML_ADAPT_H
#define MAML_ADAPT_H

#include <stddef.h>
#include <stdint.h>

/* Changes with anything below that a program compiled against it would notice. */
#define MAML_ADAPT_ABI 1

#if defined(__GNUC__)
#define MAML_ADAPT_API __attribute__((visibility("default")))
#else
#define MAML_ADAPT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A model and what it was adapted to. Lies in the arena; there is nothing to destroy. */
typedef struct maml_adapt maml_adapt;

enum {
  MAML_ADAPT_OK = 0,
  MAML_ADAPT_NOT_A_MODEL = 1,  /* the file is of another kind */
  MAML_ADAPT_VERSION = 2,      /* the file is of a version that this library does not know */
  MAML_ADAPT_DAMAGED = 3,      /* the file was cut or changed */
  MAML_ADAPT_ALIGNMENT = 4,    /* the file's bytes do not begin at a multiple of 8 */
  MAML_ADAPT_NO_CPU = 5,       /* the CPU lacks the instruction set of this build */
  MAML_ADAPT_ARENA = 6,        /* the arena is smaller than maml_adapt_arena_bytes says */
  MAML_ADAPT_ARGUMENT = 7,     /* a null pointer, or a number that cannot be (rows and steps are at most 2^20) */
  MAML_ADAPT_ROWS = 8,         /* more rows than the context was made for */
  MAML_ADAPT_LABEL = 9,        /* labels are not 0, 1, .. without a gap, of 2 classes to as many as there are outputs */
  MAML_ADAPT_NOT_FINITE = 10,  /* an input or a target of the support set is not a finite number */
  MAML_ADAPT_DIVERGED = 11,    /* the adapted parameters are not finite (take fewer steps); the context is as new */
  MAML_ADAPT_NOT_ADAPTED = 12, /* nothing was adapted to yet */
  MAML_ADAPT_IS_ADAPTED = 13   /* the file holds an adapted model, which predicts and adapts no more */
};

/* MAML_ADAPT_ABI of the library that is linked. */
MAML_ADAPT_API uint32_t maml_adapt_abi(void);

/* A sentence on what one of the numbers above means. */
MAML_ADAPT_API const char* maml_adapt_error(int status);

typedef struct {
  uint32_t height, width, channels; /* of a row of inputs, the channels of a pixel side by side; of a vector 1, 1, n */
  uint32_t inputs;                  /* height * width * channels */
  uint32_t outputs;
  uint32_t targets; /* of a row: 1, a class number, for a classifier; else the outputs */
  uint32_t is_classifier;
  uint32_t steps; /* of training; of an adapted model those that it has gone */
  uint32_t is_adapted;
  uint32_t classes;      /* of an adapted classifier */
  uint32_t support_rows; /* that an adapted model keeps, since its predictions read them */
  uint32_t parameters;
  uint32_t is_one_batch; /* whether the rows of a prediction depend on each other (batch statistics are theirs) */
  const char* terms;     /* of the data that it learned from, in the file's bytes; null where none are known */
} maml_adapt_model;

/* What a file holds. Looks at all of it, so that what passes here passes below. */
MAML_ADAPT_API int maml_adapt_describe(const void* file, size_t file_bytes, maml_adapt_model* model);

/* The arena that a context needs to adapt to at most support_rows rows (0 for an adapted model) and to predict
   query_rows together; more are predicted in turns. */
MAML_ADAPT_API int maml_adapt_arena_bytes(const void* file, size_t file_bytes, size_t support_rows, size_t query_rows,
                                          size_t* arena_bytes);

/* Makes a context in the arena, which may begin anywhere. The file's bytes and the arena stay where they are, the
   former unchanged, as long as the context is used. */
MAML_ADAPT_API int maml_adapt_create(const void* file, size_t file_bytes, size_t support_rows, size_t query_rows,
                                     void* arena, size_t arena_bytes, maml_adapt** context);

#define MAML_ADAPT_TRAINED_STEPS (-1)

/* Adapts the trained model to these rows, by so many inner steps; what the context was adapted to before is forgotten.
   x: rows times inputs; y: rows times targets. Every class counts as much as any other, however many rows it has.
   Both are such as the model was trained on, by the run's config, which the file does not hold: pictures prepared alike
   (data.preparation); columns of a table, those of y too, less their means, divided by their deviations (data.means,
   data.deviations). docs/embedding.md says more. */
MAML_ADAPT_API int maml_adapt_run(maml_adapt* context, const float* x, const float* y, size_t rows, int steps);

/* Outputs, rows times as many as the model has: values (of a table standardised, as y), or of a classifier what the
   softmax takes; the classes are those of y, outputs beyond them stand for nothing. A row's outputs are the same to the
   bit whatever other rows are asked about, unless the model is_one_batch. */
MAML_ADAPT_API int maml_adapt_predict(maml_adapt* context, const float* x, size_t rows, float* outputs);

/* Classes that the context was adapted to; 0 for regression, and before. */
MAML_ADAPT_API uint32_t maml_adapt_classes(const maml_adapt* context);

/* The adapted model as a file, which predicts to the bit as the context does: its size, and its bytes, which the caller
   puts where it likes. */
MAML_ADAPT_API int maml_adapt_saved_bytes(const maml_adapt* context, size_t* bytes);
MAML_ADAPT_API int maml_adapt_save(const maml_adapt* context, void* to, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
