/* Samples series from an exported model with the TensorFlow C API alone.
 *
 *   TF=$(python -c "import tensorflow, os; print(os.path.dirname(tensorflow.__file__))")
 *   gcc -O2 -o sample sample.c -I$TF/include -L$TF -l:libtensorflow_cc.so.2 -l:libtensorflow_framework.so.2 -Wl,-rpath,$TF
 *   ./sample export/models/quickstart/1 LENGTH LABEL SEED [SEED ...]
 *
 * Prints a line a sample: number of the series, number of the sample, values of the channels in physical units. LABEL is the
 * place of a label in the model card's list, from 0; models that are not conditional ignore it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tensorflow/c/c_api.h>

typedef struct {
    const uint8_t *data;
    size_t size;
} Bytes;

static void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static uint64_t varint(const uint8_t **at) {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return value;
    }
}

/* The number-th occurrence of a length-delimited field of a protocol buffer; empty where there is none. */
static Bytes field(Bytes message, uint64_t wanted, int number) {
    const uint8_t *at = message.data, *end = at + message.size;
    while (at < end) {
        uint64_t tag = varint(&at), size;
        switch (tag & 7) {
            case 0: varint(&at); continue;
            case 1: at += 8; continue;
            case 5: at += 4; continue;
        }
        size = varint(&at);
        if (tag >> 3 == wanted && number-- == 0) return (Bytes){at, size};
        at += size;
    }
    return (Bytes){NULL, 0};
}

/* The value under a key of the map that a field of a protocol buffer is. */
static Bytes entry(Bytes message, uint64_t map, const char *key) {
    for (int number = 0;; number++) {
        Bytes pair = field(message, map, number);
        if (!pair.data) return pair;
        Bytes found = field(pair, 1, 0);
        if (found.size == strlen(key) && !memcmp(found.data, key, found.size)) return field(pair, 2, 0);
    }
}

enum { SIGNATURES = 5, INPUTS = 1, OUTPUTS = 2, NAME = 1 };

/* The tensor of an input or output of serving_default; its operation is NULL where there is none. */
static TF_Output tensor(TF_Graph *graph, Bytes meta_graph, uint64_t map, const char *key) {
    Bytes name = field(entry(entry(meta_graph, SIGNATURES, "serving_default"), map, key), NAME, 0);
    char text[512] = "";
    if (!name.data || name.size >= sizeof text) return (TF_Output){NULL, 0};
    memcpy(text, name.data, name.size);
    char *colon = strrchr(text, ':');
    if (!colon) return (TF_Output){NULL, 0};
    *colon = 0;
    return (TF_Output){TF_GraphOperationByName(graph, text), atoi(colon + 1)};
}

int main(int argc, char **argv) {
    if (argc < 5) fail("usage", "sample MODEL LENGTH LABEL SEED [SEED ...]");
    int64_t count = argc - 4;
    TF_Status *status = TF_NewStatus();
    TF_Graph *graph = TF_NewGraph();
    TF_Buffer *meta = TF_NewBuffer();
    TF_SessionOptions *options = TF_NewSessionOptions();
    const char *tags[] = {"serve"};
    TF_Session *session = TF_LoadSessionFromSavedModel(options, NULL, argv[1], tags, 1, graph, meta, status);
    if (TF_GetCode(status) != TF_OK) fail("cannot load the model", TF_Message(status));

    TF_Tensor *seed = TF_AllocateTensor(TF_INT64, &count, 1, count * sizeof(int64_t));
    TF_Tensor *length = TF_AllocateTensor(TF_INT32, &count, 1, count * sizeof(int32_t));
    TF_Tensor *label = TF_AllocateTensor(TF_INT32, &count, 1, count * sizeof(int32_t));
    for (int64_t series = 0; series < count; series++) {
        ((int64_t *)TF_TensorData(seed))[series] = atoll(argv[4 + series]);
        ((int32_t *)TF_TensorData(length))[series] = atoi(argv[2]);
        ((int32_t *)TF_TensorData(label))[series] = atoi(argv[3]);
    }
    Bytes meta_graph = {meta->data, meta->length};
    TF_Output inputs[] = {
        tensor(graph, meta_graph, INPUTS, "seed"),
        tensor(graph, meta_graph, INPUTS, "length"),
        tensor(graph, meta_graph, INPUTS, "label"),
    };
    TF_Tensor *values[] = {seed, length, label};
    TF_Output output = tensor(graph, meta_graph, OUTPUTS, "samples");
    if (!inputs[0].oper || !inputs[1].oper || !output.oper) fail(argv[1], "no signature serving_default of sensegen_tf");

    TF_Tensor *samples = NULL;
    int given = inputs[2].oper ? 3 : 2;
    TF_SessionRun(session, NULL, inputs, values, given, &output, &samples, 1, NULL, 0, NULL, status);
    if (TF_GetCode(status) != TF_OK) fail("cannot sample", TF_Message(status));
    int64_t steps = TF_Dim(samples, 1), channels = TF_Dim(samples, 2);
    const float *value = TF_TensorData(samples);
    for (int64_t series = 0; series < count; series++)
        for (int64_t step = 0; step < steps; step++) {
            printf("%lld %lld", (long long)series, (long long)step);
            for (int64_t channel = 0; channel < channels; channel++) printf(" %.9g", *value++);
            printf("\n");
        }
    TF_CloseSession(session, status);
    return 0;
}
